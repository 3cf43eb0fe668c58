// A value or a message. The compiler reads files through these without exceptions; the runtime lets get()
// throw and turns the exception into a status at its C interface.
#ifndef HYBRID_ARTIFACT_RESULT_H
#define HYBRID_ARTIFACT_RESULT_H
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace hybridrt {

/// What went wrong: what was expected, what was found, where, and the way out.
class Error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// Throws an Error whose message is the parts one after another; numbers are printed in decimal.
template <typename... Parts> [[noreturn]] void fail(const Parts &...parts);

template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : value(std::move(value)) {}
  static Result failure(std::string message) {
    Result result;
    result.message = std::move(message);
    return result;
  }

  explicit operator bool() const { return value.has_value(); }
  T &operator*() { return *value; }
  T *operator->() { return &*value; }
  const std::string &error() const { return message; }
  /// The value; throws the message as an Error if there is none.
  T get() && {
    if (!value)
      throw Error(message);
    return std::move(*value);
  }

private:
  Result() = default;
  std::optional<T> value;
  std::string message;
};

/// Nothing, or a message.
class [[nodiscard]] Status {
public:
  Status() = default;
  static Status failure(std::string message) {
    Status status;
    status.message = std::move(message);
    return status;
  }

  explicit operator bool() const { return !message; }
  const std::string &error() const { return *message; }
  void get() const {
    if (message)
      throw Error(*message);
  }

private:
  std::optional<std::string> message;
};

/// Runs `function`, which may throw, and returns what it returns or the message of what it threw.
template <typename Function> auto capture(Function &&function) {
  using T = decltype(function());
  if constexpr (std::is_void_v<T>) {
    try {
      function();
      return Status();
    } catch (const std::exception &e) {
      return Status::failure(e.what());
    }
  } else {
    try {
      return Result<T>(function());
    } catch (const std::exception &e) {
      return Result<T>::failure(e.what());
    }
  }
}

namespace detail {
inline std::string text(const std::string &part) { return part; }
inline std::string text(const char *part) { return part; }
inline std::string text(char part) { return std::string(1, part); }
template <typename T>
  requires std::is_arithmetic_v<T>
std::string text(T part) {
  return std::to_string(part);
}
} // namespace detail

/// The parts one after another.
template <typename... Parts> std::string concat(const Parts &...parts) {
  std::string result;
  ((result += detail::text(parts)), ...);
  return result;
}

template <typename... Parts> void fail(const Parts &...parts) { throw Error(concat(parts...)); }

} // namespace hybridrt
#endif
