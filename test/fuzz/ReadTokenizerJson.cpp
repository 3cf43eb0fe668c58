// tokenizer.json and tekken.json, told apart as the loader does it: whatever the bytes, they are an error, or a
// tokenizer that encodes and decodes anything.
#include "runtime/text/Formats.h"
#include "ExerciseTokenizer.h"

using namespace hybridrt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  bool tekken = text.find("\"default_num_special_tokens\"") != text.npos;
  (void)capture([&] {
    hybridfuzz::exercise(*(tekken ? readTekken(text, "tekken.json", {}) : readTokenizerJson(text, "tokenizer.json")));
  });
  return 0;
}
