// Chat formats from files, and the templates of folders: whatever the bytes, they are an error, or a conversation.
#include "lib/Artifact/Result.h"
#include "runtime/text/ChatFormat.h"
#include "InputFile.h"

using namespace hybridrt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const hybridfuzz::InputFolder folder;
  std::string path = folder.write("tokenizer_config.json", data, size);
  (void)capture([&] {
    ChatFormat format = ChatFormat::read(path);
    (void)format.opening(std::nullopt);
    (void)format.opening(" be brief\n");
    (void)format.turn(" hello ", true);
  });
  (void)capture([&] {
    if (std::optional<std::string> text = readChatTemplate(folder.path()))
      (void)findChatFormat(hashOfChatTemplate(*text));
  });
  return 0;
}
