// Reading and writing artifacts (.hyb). The compiler fills an ArtifactT and calls writeArtifact; the runtime
// gets it back from readArtifact, by which time every index in it is in range and every name that it needs
// exists. Code is trusted as a program is: the checks cover the metadata and the code's hash, not what the
// code does.
#ifndef HYBRID_ARTIFACT_ARTIFACT_H
#define HYBRID_ARTIFACT_ARTIFACT_H
#include "lib/Artifact/Artifact_generated.h"
#include "lib/Artifact/Result.h"
#include <string>

namespace hybridrt {

/// Artifacts load if their major version is this one. A minor version adds what old readers may ignore.
constexpr uint16_t artifactVersionMajor = 3;
constexpr uint16_t artifactVersionMinor = 0;

/// Sets versions and code hashes, checks as a reader would, writes beside `path` and renames.
Status writeArtifact(artifact::ArtifactT &artifact, const std::string &path);

/// Maps, verifies and unpacks.
Result<artifact::ArtifactT> readArtifact(const std::string &path);
/// The same for bytes in memory; `name` is for messages.
Result<artifact::ArtifactT> readArtifact(const void *data, size_t size, const std::string &name);

/// Everything beyond the file format: indices in range, names present and distinct, shapes that multiply out,
/// polynomials over known symbols, code that matches its hash. The message tells the place, such as
/// "programs[0].entries[1].variants[0].steps[3].args[2]".
Status checkArtifact(const artifact::ArtifactT &artifact);

/// Bytes of one element.
size_t sizeOf(artifact::DType dtype);
const char *nameOf(artifact::DType dtype);
/// Elements of the parameter as the kernels see it, with the padding of panels.
int64_t storedElements(const artifact::ParamT &param);

} // namespace hybridrt
#endif
