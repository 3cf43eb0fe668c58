// Writes the toy model into a folder, for tests of the command line: toy.hyb with model.safetensors, description.hyb
// for random weights, future.hyb of another version, gpu.hyb without x86 code.
#include "ToyModel.h"
#include <cstdio>
#include <fstream>

using namespace hybridrt;

static void write(artifact::ArtifactT toy, const std::string &path) { writeArtifact(toy, path).get(); }

static void writeFuture(const std::string &path) {
  artifact::ArtifactT toy = makeToy();
  toy.version_major = 9;
  flatbuffers::FlatBufferBuilder builder;
  artifact::FinishArtifactBuffer(builder, artifact::CreateArtifact(builder, &toy));
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char *>(builder.GetBufferPointer()), builder.GetSize());
}

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: hybrid-write-toy FOLDER\n");
    return 1;
  }
  std::string folder = argv[1];
  Status status = capture([&] {
    write(makeToy(), folder + "/toy.hyb");
    write(makeToyDescription(), folder + "/description.hyb");
    writeFuture(folder + "/future.hyb");
    artifact::ArtifactT gpu = makeToy();
    gpu.programs[0]->target = "sm_90a";
    write(std::move(gpu), folder + "/gpu.hyb");
    writeToyWeights(folder);
  });
  if (!status)
    std::fprintf(stderr, "hybrid-write-toy: error: %s\n", status.error().c_str());
  return !status;
}
