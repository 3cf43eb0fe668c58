#include "Profile.h"
#include "hybrid/Support/TextScan.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MemoryBuffer.h"
using namespace mlir::hybrid;

static std::string keyOf(llvm::StringRef entry, llvm::StringRef variant, llvm::StringRef label,
                         llvm::StringRef kernel) {
  return (entry + "/" + variant + "/" + label + "/" + kernel).str();
}

llvm::Expected<Profile> Profile::read(llvm::StringRef path) {
  auto bad = [&](const llvm::Twine &what) { return llvm::createStringError("--profile: '" + path + "': " + what); };
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!buffer)
    return bad(buffer.getError().message());
  constexpr TextLimits limits{.maxBytes = 256u << 20, .maxNesting = 16};
  if (std::optional<TextError> error = scanText((*buffer)->getBuffer(), TextFormat::json, limits))
    return bad("expected what hybrid-run --profile --json prints: " + llvm::Twine(error->position.line) + ":" +
               llvm::Twine(error->position.column) + ": " + error->message);
  llvm::Expected<llvm::json::Value> json = llvm::json::parse((*buffer)->getBuffer());
  if (!json)
    return bad("expected what hybrid-run --profile --json prints: " + llvm::toString(json.takeError()));
  const llvm::json::Object *root = json->getAsObject();
  const llvm::json::Array *steps = root ? root->getArray("steps") : nullptr;
  std::optional<llvm::StringRef> code = root ? root->getString("code") : std::nullopt;
  if (!steps || !code)
    return bad("expected what hybrid-run --profile --json prints, with 'code' and 'steps'");
  Profile profile;
  profile.codeName = code->str();
  for (const llvm::json::Value &value : *steps) {
    const llvm::json::Object *step = value.getAsObject();
    llvm::StringRef place[4];
    constexpr const char *names[] = {"entry", "variant", "label", "kernel"};
    for (auto [part, name] : llvm::zip(place, names)) {
      std::optional<llvm::StringRef> text = step ? step->getString(name) : std::nullopt;
      if (!text)
        return bad(llvm::Twine("expected steps with '") + name + "'");
      part = *text;
    }
    profile.steps.emplace(keyOf(place[0], place[1], place[2], place[3]), *step);
  }
  return profile;
}

const llvm::json::Object *Profile::find(llvm::StringRef entry, llvm::StringRef variant, llvm::StringRef label,
                                        llvm::StringRef kernel) const {
  auto it = steps.find(keyOf(entry, variant, label, kernel));
  return it == steps.end() ? nullptr : &it->second;
}
