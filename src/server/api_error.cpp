// Contract and exclusions: server/api_error.h.
#include "server/api_error.h"

#include "server/json.h"

namespace hearth::server {

namespace {

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kContextFull: return 400;
    case ErrorCode::kNotFound: return 404;
    case ErrorCode::kPermission: return 403;
    case ErrorCode::kUnsupported: return 400;
    case ErrorCode::kResource: return 503;
    case ErrorCode::kCancelled: return 499;
    case ErrorCode::kCorrupt:
    case ErrorCode::kIo:
    case ErrorCode::kNumeric:
    case ErrorCode::kInternal: return 500;
  }
  return 500;
}

const char* native_type(const ApiError& error) {
  if (error.code == "context_length_exceeded") return "exceed_context_size_error";
  switch (error.status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 501: return "not_supported_error";
    case 429:
    case 503: return "unavailable_error";
    default: return error.status >= 500 ? "server_error" : "invalid_request_error";
  }
}

const char* anthropic_type(int status) {
  switch (status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 413: return "request_too_large";
    case 429: return "rate_limit_error";
    case 503:
    case 529: return "overloaded_error";
    default: return status >= 500 ? "api_error" : "invalid_request_error";
  }
}

Json openai_error(const ApiError& error) {
  const auto or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  Json object = {{"message", error.message},
                 {"type", error.status == 404 ? "invalid_request_error" : native_type(error)},
                 {"param", or_null(error.param)},
                 {"code", or_null(error.code)}};
  if (error.code == "context_length_exceeded") {
    object["type"] = "invalid_request_error";
    object["n_prompt_tokens"] = error.prompt_tokens;
    object["n_ctx"] = error.context;
  }
  return {{"error", std::move(object)}};
}

// "prompt is too long: N tokens > M maximum" is what Anthropic's clients look for before they shorten a conversation.
Json anthropic_error(const ApiError& error, std::string_view request_id) {
  std::string message = error.message;
  if (error.context > 0) {
    message = "prompt is too long: " + std::to_string(error.prompt_tokens) + " tokens > " + std::to_string(error.context) +
              " maximum; " + message;
  }
  return {{"type", "error"},
          {"error", {{"type", anthropic_type(error.status)}, {"message", std::move(message)}}},
          {"request_id", request_id}};
}

Json native_error(const ApiError& error) {
  Json object = {{"code", error.status}, {"message", error.message}, {"type", native_type(error)}};
  if (error.context > 0) {
    object["n_prompt_tokens"] = error.prompt_tokens;
    object["n_ctx"] = error.context;
  }
  return {{"error", std::move(object)}};
}

}  // namespace

const char* dialect_name(Dialect dialect) {
  switch (dialect) {
    case Dialect::kOpenAi: return "openai";
    case Dialect::kOllama: return "ollama";
    case Dialect::kAnthropic: return "anthropic";
    case Dialect::kNative: return "native";
    case Dialect::kLmStudio: return "lmstudio";
  }
  return "native";
}

ApiError bad_request(std::string message, std::string param) {
  return {400, std::move(message), std::move(param), "", 0, 0, 0};
}

ApiError not_supported(std::string message, std::string param) {
  return {400, std::move(message), std::move(param), "unsupported_value", 0, 0, 0};
}

ApiError api_error(const Error& error) {
  ApiError result{status_of(error.code), error.message, "", "", 0, 0, 0};
  if (error.code == ErrorCode::kContextFull) result.code = "context_length_exceeded";
  if (error.code == ErrorCode::kResource) result.retry_after_seconds = 1;
  return result;
}

ApiError context_exceeded(int64_t prompt_tokens, int64_t context) {
  return {400,
          "request (" + std::to_string(prompt_tokens) + " tokens) exceeds the available context size (" +
              std::to_string(context) + " tokens), try increasing it",
          "", "context_length_exceeded", prompt_tokens, context, 0};
}

std::string error_body(Dialect dialect, const ApiError& error, std::string_view request_id) {
  switch (dialect) {
    case Dialect::kOpenAi:
    case Dialect::kLmStudio: return to_text(openai_error(error));
    case Dialect::kOllama: return to_text(Json{{"error", error.message}});
    case Dialect::kAnthropic: return to_text(anthropic_error(error, request_id));
    case Dialect::kNative: return to_text(native_error(error));
  }
  return "{}";
}

}  // namespace hearth::server
