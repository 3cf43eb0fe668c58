// Standard input, output and error as tools without LLVM need them.
#ifndef HYBRID_ARTIFACT_STREAMS_H
#define HYBRID_ARTIFACT_STREAMS_H

namespace hybridrt {

/// Opens those of the three that the caller closed, so that no file of the tool's gets their numbers and is printed
/// into. What is printed to a closed one is an error as before.
void openStandardStreams();

/// Writes what is buffered for standard output; throws if something printed there is lost.
void finishOutput();

} // namespace hybridrt
#endif
