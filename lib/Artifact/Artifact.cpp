#include "lib/Artifact/Artifact.h"
#include "lib/Artifact/File.h"
#include "lib/Artifact/Hash.h"

using namespace hybridrt;
using namespace hybridrt::artifact;

Status hybridrt::writeArtifact(ArtifactT &artifact, const std::string &path) {
  return capture([&] {
    artifact.version_major = artifactVersionMajor;
    artifact.version_minor = artifactVersionMinor;
    for (auto &program : artifact.programs)
      if (program)
        for (auto &module : program->modules)
          if (module)
            module->hash = hashBytes(module->code.data(), module->code.size());
    checkArtifact(artifact).get();
    flatbuffers::FlatBufferBuilder builder;
    FinishArtifactBuffer(builder, CreateArtifact(builder, &artifact));
    writeFile(path, builder.GetBufferPointer(), builder.GetSize());
  });
}

Result<ArtifactT> hybridrt::readArtifact(const void *data, size_t size, const std::string &name) {
  return capture([&] {
    const auto *bytes = static_cast<const uint8_t *>(data);
    if (size < 8 || !ArtifactBufferHasIdentifier(bytes))
      fail("expected '", name, "' to be an artifact (.hyb, identifier ", ArtifactIdentifier(), "), found ", size,
           " bytes of something else");
    // A schedule has three or four tables a step; the limits stop a hostile file, not a large model.
    flatbuffers::Verifier verifier(bytes, size, /*max_depth=*/16, /*max_tables=*/100'000'000);
    if (!VerifyArtifactBuffer(verifier))
      fail("artifact '", name, "' is damaged: its ", size, " bytes do not verify; compile it again");
    const Artifact *root = GetArtifact(bytes);
    if (root->version_major() != artifactVersionMajor)
      fail("artifact '", name, "' has version ", root->version_major(), ".", root->version_minor(),
           ", this runtime reads ", artifactVersionMajor, ".x; compile the model again with this version's hybridc");
    ArtifactT artifact;
    root->UnPackTo(&artifact);
    if (Status status = checkArtifact(artifact); !status)
      fail("artifact '", name, "' is damaged: ", status.error());
    return artifact;
  });
}

Result<ArtifactT> hybridrt::readArtifact(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return Result<ArtifactT>::failure(file.error());
  return readArtifact(file->bytes().data(), file->bytes().size(), path);
}

size_t hybridrt::sizeOf(DType dtype) { return dtype == DType::bf16 || dtype == DType::f16 ? 2 : 4; }

const char *hybridrt::nameOf(DType dtype) { return EnumNameDType(dtype); }

int64_t hybridrt::storedElements(const ParamT &param) {
  int64_t elements = 1;
  for (size_t i = 0; i < param.shape.size(); ++i) {
    bool panelled = i == 0 && param.layout == ParamLayout::panels;
    elements *= panelled ? (param.shape[i] + 15) / 16 * 16 : param.shape[i];
  }
  return elements;
}
