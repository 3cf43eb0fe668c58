// Artifacts: whatever the bytes, they are an error, or an artifact that passes its checks again once it is written
// anew.
#include "lib/Artifact/Artifact.h"
#include <cstdlib>

using namespace hybridrt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // FlatBuffers wants its items where the CPU does; files are mapped, so their bytes begin aligned.
  std::vector<uint64_t> aligned((size + 7) / 8);
  std::copy_n(data, size, reinterpret_cast<uint8_t *>(aligned.data()));
  Result<artifact::ArtifactT> read = readArtifact(aligned.data(), size, "fuzz");
  if (!read)
    return 0;
  for (const auto &program : read->programs)
    for (const auto &param : program->params)
      if (storedElements(*param) < 0)
        std::abort(); // the checks let a shape pass that does not multiply out
  flatbuffers::FlatBufferBuilder builder;
  FinishArtifactBuffer(builder, CreateArtifact(builder, &*read));
  if (!readArtifact(builder.GetBufferPointer(), builder.GetSize(), "again"))
    std::abort();
  return 0;
}
