// What goes wrong with a request, and how each dialect says it.
//
// Contract: one value, five spellings. Messages name the field and the way out; a status is the HTTP one.
// Not here: what the gate refuses before a route is reached (http/gate.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "hearth/error.h"

namespace hearth::server {

enum class Dialect { kOpenAi, kOllama, kAnthropic, kNative, kLmStudio };  // kNative: llama-server's own routes

const char* dialect_name(Dialect dialect);  // "openai", "ollama", ...

struct ApiError {
  int status = 400;
  std::string message;
  std::string param;            // the field, where there is one
  std::string code;             // "context_length_exceeded", "model_not_found", ...
  int64_t prompt_tokens = 0;    // of a prompt that does not fit
  int64_t context = 0;
  int retry_after_seconds = 0;  // with 429 and 503
};

ApiError bad_request(std::string message, std::string param = "");
ApiError not_supported(std::string message, std::string param = "");  // 400: asked for something this server does not do
ApiError api_error(const Error& error);
// "request (N tokens) exceeds the available context size (M tokens), try increasing it": clients look for this sentence.
ApiError context_exceeded(int64_t prompt_tokens, int64_t context);

// The JSON body of an answer with this error.
std::string error_body(Dialect dialect, const ApiError& error, std::string_view request_id);

// Ok or what is wrong with the request.
template <class T>
class [[nodiscard]] Checked {
 public:
  Checked(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Checked(ApiError error) : state_(std::in_place_index<1>, std::move(error)) {}
  bool ok() const { return state_.index() == 0; }
  T& value() & { return std::get<0>(state_); }
  T value() && { return std::get<0>(std::move(state_)); }
  const T& value() const& { return std::get<0>(state_); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T operator*() && { return std::move(*this).value(); }
  T* operator->() { return &std::get<0>(state_); }
  const ApiError& error() const& { return std::get<1>(state_); }
  ApiError error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, ApiError> state_;
};
struct Nothing {};

}  // namespace hearth::server
