// config.json as the families read it: values with defaults, nulls as absent, the first problem kept.
#ifndef HYBRID_LIB_FRONTEND_CONFIG_H
#define HYBRID_LIB_FRONTEND_CONFIG_H
#include "Json.h"
#include "hybrid/Frontend/ModelSpec.h"

namespace mlir::hybrid {

class Config {
public:
  explicit Config(JsonFile file) : file(std::move(file)) {}

  /// The value of `key`; absent or null: the default, or without one a failure.
  int64_t integer(llvm::StringRef key, std::optional<int64_t> byDefault = std::nullopt);
  double number(llvm::StringRef key, std::optional<double> byDefault = std::nullopt);
  bool boolean(llvm::StringRef key, bool byDefault);
  std::string string(llvm::StringRef key, llvm::StringRef byDefault);
  /// Empty if absent or null.
  std::vector<double> numbers(llvm::StringRef key);
  std::vector<std::string> strings(llvm::StringRef key);
  /// Token numbers: an integer, a list of them, or nothing.
  std::vector<int64_t> tokens(llvm::StringRef key);

  /// Whether the key is there and not null.
  bool has(llvm::StringRef key) const;
  const llvm::json::Value *get(llvm::StringRef key) const { return file.object.get(key); }
  /// The object behind `key`, as a config of its own for the same file; null if absent.
  std::unique_ptr<Config> object(llvm::StringRef key);

  /// Keeps `message` at `key` if it is the first failure.
  void fail(llvm::StringRef key, const llvm::Twine &message);
  void takeFailure(Config &other);
  bool failed() const { return !failure.empty(); }
  llvm::Error takeError() { return failed() ? textError(failure) : llvm::Error::success(); }

private:
  std::optional<double> toNumber(const llvm::json::Value &value) const;

  JsonFile file;
  std::string failure;
};

} // namespace mlir::hybrid
#endif
