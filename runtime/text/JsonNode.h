// JSON that knows where it stands, so that every complaint says what was expected and where.
#ifndef HYBRID_RUNTIME_TEXT_JSONNODE_H
#define HYBRID_RUNTIME_TEXT_JSONNODE_H
#include "lib/Artifact/Result.h"
#include <nlohmann/json.hpp>

namespace hybridrt {

class JsonNode {
public:
  /// `where` names the file, and after it the way to the value.
  JsonNode(const nlohmann::json &value, std::string where) : value(&value), path(std::move(where)) {}

  const std::string &where() const { return path; }
  const nlohmann::json &json() const { return *value; }
  [[noreturn]] void reject(const std::string &expected) const {
    std::string found = value->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (found.size() > 80)
      found = std::string(value->type_name());
    fail(path, ": expected ", expected, ", found ", found);
  }

  bool isNull() const { return value->is_null(); }
  bool isString() const { return value->is_string(); }
  /// Whether this is an object with a member of that name that is not null.
  bool has(const char *name) const { return value->is_object() && value->contains(name) && !(*value)[name].is_null(); }

  JsonNode operator[](const char *name) const {
    if (!value->is_object())
      reject("an object");
    auto it = value->find(name);
    if (it == value->end())
      fail(path, ": expected a member '", name, "'");
    return {*it, path + "." + name};
  }
  size_t size() const {
    if (!value->is_array())
      reject("a list");
    return value->size();
  }
  JsonNode at(size_t i) const { return {(*value)[i], concat(path, "[", i, "]")}; }

  const std::string &string() const {
    if (!value->is_string())
      reject("a string");
    return value->get_ref<const std::string &>();
  }
  bool boolean() const {
    if (!value->is_boolean())
      reject("true or false");
    return value->get<bool>();
  }
  double number() const {
    if (!value->is_number())
      reject("a number");
    return value->get<double>();
  }
  int64_t integer(int64_t least, int64_t most) const {
    if (!value->is_number_integer() || (value->is_number_unsigned() && value->get<uint64_t>() > uint64_t(INT64_MAX)) ||
        value->get<int64_t>() < least || value->get<int64_t>() > most)
      reject(concat("an integer from ", least, " to ", most));
    return value->get<int64_t>();
  }

  // What is absent or null has a default.
  std::string string(const char *name, std::string otherwise) const {
    return has(name) ? (*this)[name].string() : std::move(otherwise);
  }
  bool boolean(const char *name, bool otherwise) const { return has(name) ? (*this)[name].boolean() : otherwise; }
  int64_t integer(const char *name, int64_t otherwise, int64_t least, int64_t most) const {
    return has(name) ? (*this)[name].integer(least, most) : otherwise;
  }

private:
  const nlohmann::json *value;
  std::string path;
};

} // namespace hybridrt
#endif
