// tokenizer.model of tiktoken or SentencePiece, and what stands beside it, told apart by the loader itself: whatever
// the bytes, they are an error, or a tokenizer that encodes and decodes anything.
#include "runtime/text/Tokenizer.h"
#include "ExerciseTokenizer.h"
#include "InputFile.h"

using namespace hybridrt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const hybridfuzz::InputFolder folder;
  std::string path = folder.write("tokenizer.model", data, size);
  (void)capture([&] { hybridfuzz::exercise(*Tokenizer::load(path)); });
  return 0;
}
