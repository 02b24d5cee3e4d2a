// Error and Result<T>: how every function that can fail for outside reasons reports it.
//
// Contract: no exception crosses a folder. A file, a prompt or a request can only ever produce an Error; CHECK is for our
// own bugs. Messages say what went wrong, where (file, key, tensor, field) and, where there is one, the way out.
// Not here: exit codes (cli), HTTP status codes (server); both are derived from ErrorCode.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <variant>

namespace hearth {

enum class ErrorCode {
  kInvalidArgument,  // the caller's value is wrong: range, type, spelling
  kNotFound,         // no such file, model, key
  kCorrupt,          // bytes that contradict their format
  kUnsupported,      // well formed, but something this build does not do
  kPermission,       // the operating system refused
  kIo,               // reading or writing failed
  kResource,         // does not fit: memory, disk, a named limit
  kContextFull,      // more tokens than the context holds
  kCancelled,        // stopped on request
  kNumeric,          // Inf or NaN met in the forward pass
  kInternal,         // a bug of ours that could be contained
};

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  // By value: `for (float x : *view.get_f32s(key))` must not walk what died with the temporary.
  T value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const& { return std::get<1>(state_); }
  Error error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}
  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  void value() const {}
  const Error& error() const& { return error_; }
  Error error() && { return std::move(error_); }

 private:
  Error error_;
  bool ok_ = true;
};

// The value of a Result, or return its error from the enclosing function: `auto view = TRY(View::open(path));`
#define TRY(expression)                                           \
  ({                                                              \
    auto&& try_result_ = (expression);                            \
    if (!try_result_.ok()) return std::move(try_result_).error(); \
    std::move(try_result_).value();                               \
  })

// For our own bugs only, never for outside data.
#define CHECK(condition)                                                                        \
  do {                                                                                          \
    if (!(condition)) {                                                                         \
      std::fprintf(stderr, "%s:%d: internal error: %s\n", __FILE__, __LINE__, #condition);      \
      std::abort();                                                                             \
    }                                                                                           \
  } while (0)

}  // namespace hearth
