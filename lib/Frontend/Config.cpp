#include "Config.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>
using namespace mlir;
using namespace mlir::hybrid;
using llvm::StringRef;
using llvm::Twine;

bool Config::has(StringRef key) const {
  const llvm::json::Value *value = file.object.get(key);
  return value && value->kind() != llvm::json::Value::Null;
}

void Config::fail(StringRef key, const Twine &message) {
  if (failure.empty())
    failure = llvm::toString(file.errorAt(key, message));
}

void Config::takeFailure(Config &other) {
  if (failure.empty())
    failure = other.failure;
}

std::optional<double> Config::toNumber(const llvm::json::Value &value) const {
  if (std::optional<double> number = value.getAsNumber())
    return number;
  const llvm::json::Object *object = value.getAsObject();
  std::optional<StringRef> word = object ? object->getString("__float__") : std::nullopt;
  if (!word)
    return std::nullopt;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return llvm::StringSwitch<std::optional<double>>(*word)
      .Case("Infinity", infinity)
      .Case("-Infinity", -infinity)
      .Case("NaN", std::numeric_limits<double>::quiet_NaN())
      .Default(std::nullopt);
}

int64_t Config::integer(StringRef key, std::optional<int64_t> byDefault) {
  if (!has(key)) {
    if (!byDefault)
      fail(key, "expected key '" + key + "', an integer, found none");
    return byDefault.value_or(1);
  }
  // Bounded so that products of two of them fit in 64 bits.
  constexpr int64_t limit = int64_t(1) << 31;
  std::optional<int64_t> value = get(key)->getAsInteger();
  if (value && *value >= -limit && *value <= limit)
    return *value;
  fail(key, "expected an integer for '" + key + "'");
  return 1;
}

double Config::number(StringRef key, std::optional<double> byDefault) {
  if (!has(key)) {
    if (!byDefault)
      fail(key, "expected key '" + key + "', a number, found none");
    return byDefault.value_or(1);
  }
  if (std::optional<double> value = toNumber(*get(key)); value && std::isfinite(*value))
    return *value;
  fail(key, "expected a number for '" + key + "'");
  return 1;
}

bool Config::boolean(StringRef key, bool byDefault) {
  if (!has(key))
    return byDefault;
  if (std::optional<bool> value = get(key)->getAsBoolean())
    return *value;
  fail(key, "expected true or false for '" + key + "'");
  return byDefault;
}

std::string Config::string(StringRef key, StringRef byDefault) {
  if (!has(key))
    return byDefault.str();
  if (std::optional<StringRef> value = get(key)->getAsString())
    return value->str();
  fail(key, "expected a string for '" + key + "'");
  return byDefault.str();
}

std::vector<double> Config::numbers(StringRef key) {
  std::vector<double> values;
  if (!has(key))
    return values;
  const llvm::json::Array *array = get(key)->getAsArray();
  if (!array) {
    fail(key, "expected a list of numbers for '" + key + "'");
    return values;
  }
  for (const llvm::json::Value &value : *array) {
    std::optional<double> number = toNumber(value);
    if (!number)
      fail(key, "expected a list of numbers for '" + key + "'");
    values.push_back(number.value_or(1));
  }
  return values;
}

std::vector<std::string> Config::strings(StringRef key) {
  std::vector<std::string> values;
  if (!has(key))
    return values;
  const llvm::json::Array *array = get(key)->getAsArray();
  if (!array) {
    fail(key, "expected a list of strings for '" + key + "'");
    return values;
  }
  for (const llvm::json::Value &value : *array) {
    std::optional<StringRef> string = value.getAsString();
    if (!string)
      fail(key, "expected a list of strings for '" + key + "'");
    values.push_back(string.value_or("").str());
  }
  return values;
}

std::vector<int64_t> Config::tokens(StringRef key) {
  std::vector<int64_t> values;
  if (!has(key))
    return values;
  if (std::optional<int64_t> value = get(key)->getAsInteger())
    return {*value};
  if (const llvm::json::Array *array = get(key)->getAsArray()) {
    for (const llvm::json::Value &value : *array) {
      if (std::optional<int64_t> token = value.getAsInteger())
        values.push_back(*token);
      else
        fail(key, "expected token numbers for '" + key + "'");
    }
    return values;
  }
  fail(key, "expected a token number or a list of them for '" + key + "'");
  return values;
}

std::unique_ptr<Config> Config::object(StringRef key) {
  if (!has(key))
    return nullptr;
  const llvm::json::Object *object = get(key)->getAsObject();
  if (!object) {
    fail(key, "expected an object for '" + key + "'");
    return nullptr;
  }
  return std::make_unique<Config>(JsonFile{file.path, file.text, *object});
}
