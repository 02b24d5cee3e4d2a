// Contract and exclusions: server/routes.h.
#include "server/routes.h"

#include <exception>

#include "base/log.h"
#include "server/anthropic/anthropic.h"
#include "server/home/home.h"
#include "server/http/request_record.h"
#include "server/lmstudio/lmstudio.h"
#include "server/native/native.h"
#include "server/ollama/ollama.h"
#include "server/openai/openai.h"
#include "server/openai/responses.h"
#include "server/openapi/openapi.h"
#include "server/status.h"

namespace hearth::server {

namespace {

constexpr Scope kInfer = Scope::kInfer;
constexpr Scope kManage = Scope::kManage;

constexpr Route kRoutes[] = {
    {"GET", "/", kInfer, Dialect::kOllama, root, "Says that the server runs"},
    {"GET", "/health", kInfer, Dialect::kNative, health, "Whether the server answers"},
    {"GET", "/v1/health", kInfer, Dialect::kNative, health, "Whether the server answers"},
    {"GET", "/hearth/server", kInfer, Dialect::kNative, home::identify, "Which program this is, and what its answers depend on"},
    {"POST", "/hearth/load", kInfer, Dialect::kNative, home::load, "Loads a model for 'hearth run'"},
    {"POST", "/hearth/answer", kInfer, Dialect::kNative, home::answer, "Answers 'hearth run', to the bit as it would itself"},
    {"GET", "/openapi.json", kInfer, Dialect::kNative, openapi, "This description"},
    {"GET", "/v1/models", kInfer, Dialect::kOpenAi, openai::list_models, "The installed models"},
    {"GET", "/models", kInfer, Dialect::kOpenAi, openai::list_models, "The installed models"},
    {"GET", "/v1/models/*", kInfer, Dialect::kOpenAi, openai::show_model, "One installed model"},
    {"GET", "/models/*", kInfer, Dialect::kOpenAi, openai::show_model, "One installed model"},
    {"POST", "/v1/chat/completions", kInfer, Dialect::kOpenAi, openai::chat_completions, "Answers a conversation"},
    {"POST", "/chat/completions", kInfer, Dialect::kOpenAi, openai::chat_completions, "Answers a conversation"},
    {"POST", "/api/chat", kInfer, Dialect::kOllama, ollama::chat, "Answers a conversation; loads or unloads without messages"},
    {"POST", "/api/generate", kInfer, Dialect::kOllama, ollama::generate, "Answers a prompt; loads or unloads without one"},
    {"GET", "/api/tags", kInfer, Dialect::kOllama, ollama::tags, "The installed models"},
    {"POST", "/api/show", kInfer, Dialect::kOllama, ollama::show, "What a model is"},
    {"GET", "/api/ps", kInfer, Dialect::kOllama, ollama::ps, "The models in memory"},
    {"GET", "/api/version", kInfer, Dialect::kOllama, ollama::version, "The version"},
    {"POST", "/api/pull", kManage, Dialect::kOllama, ollama::pull, "Fetches a model of the catalogue"},
    {"DELETE", "/api/delete", kManage, Dialect::kOllama, ollama::remove, "Removes a model from the library"},
    {"POST", "/api/copy", kManage, Dialect::kOllama, ollama::copy, "Gives a model of the library another name"},
    {"POST", "/api/create", kManage, Dialect::kOllama, ollama::create, "Not supported"},
    {"POST", "/api/push", kManage, Dialect::kOllama, ollama::push, "Not supported"},
    {"POST", "/api/blobs/*", kManage, Dialect::kOllama, ollama::create, "Not supported"},
    {"GET", "/api/status", kInfer, Dialect::kOllama, ollama::status, "Whether anything leaves this machine: no"},
    {"POST", "/v1/messages", kInfer, Dialect::kAnthropic, anthropic::messages, "Answers a conversation"},
    {"POST", "/v1/messages/count_tokens", kInfer, Dialect::kAnthropic, anthropic::count_tokens, "Counts the tokens of a conversation"},
    {"POST", "/v1/completions", kInfer, Dialect::kOpenAi, openai::completions, "Continues prompts"},
    {"POST", "/completions", kInfer, Dialect::kOpenAi, openai::completions, "Continues prompts"},
    {"POST", "/v1/chat/completions/input_tokens", kInfer, Dialect::kOpenAi, native::count_input_tokens, "Counts a conversation's tokens"},
    {"POST", "/chat/completions/input_tokens", kInfer, Dialect::kOpenAi, native::count_input_tokens, "Counts a conversation's tokens"},
    {"POST", "/v1/embeddings", kInfer, Dialect::kOpenAi, openai::embeddings, "Makes vectors of texts"},
    {"POST", "/api/embed", kInfer, Dialect::kOllama, ollama::embed, "Makes vectors of texts; loads the model without any"},
    {"POST", "/api/embeddings", kInfer, Dialect::kOllama, ollama::embeddings, "Makes a vector of one text"},
    {"POST", "/embedding", kInfer, Dialect::kNative, native::embeddings, "Makes vectors of texts"},
    {"POST", "/embeddings", kInfer, Dialect::kNative, native::embeddings, "Makes vectors of texts"},
    {"POST", "/completion", kInfer, Dialect::kNative, native::completion, "Continues prompts"},
    {"POST", "/infill", kInfer, Dialect::kNative, native::infill, "Fills the gap between two texts"},
    {"POST", "/tokenize", kInfer, Dialect::kNative, native::tokenize, "Text to tokens"},
    {"POST", "/detokenize", kInfer, Dialect::kNative, native::detokenize, "Tokens to text"},
    {"POST", "/apply-template", kInfer, Dialect::kNative, native::apply_template, "A conversation as the model reads it"},
    {"GET", "/props", kInfer, Dialect::kNative, native::props, "A model and its defaults"},
    {"GET", "/slots", kInfer, Dialect::kNative, native::slots, "What each session does"},
    {"GET", "/metrics", kInfer, Dialect::kNative, native::metrics, "Figures in Prometheus' form"},
    {"GET", "/lora-adapters", kInfer, Dialect::kNative, native::list_adapters, "The adapters of a model"},
    {"POST", "/lora-adapters", kManage, Dialect::kNative, native::set_adapters, "Sets how strong adapters are where a request names none"},
    {"POST", "/rerank", kInfer, Dialect::kNative, native::rerank, "Says that no model here can rerank"},
    {"POST", "/reranking", kInfer, Dialect::kNative, native::rerank, "Says that no model here can rerank"},
    {"POST", "/v1/rerank", kInfer, Dialect::kNative, native::rerank, "Says that no model here can rerank"},
    {"POST", "/v1/reranking", kInfer, Dialect::kNative, native::rerank, "Says that no model here can rerank"},
    {"POST", "/v1/responses", kInfer, Dialect::kOpenAi, openai::create_response, "Answers input, keeping the answer for later ones"},
    {"POST", "/responses", kInfer, Dialect::kOpenAi, openai::create_response, "Answers input, keeping the answer for later ones"},
    {"POST", "/v1/responses/input_tokens", kInfer, Dialect::kOpenAi, openai::count_response_input, "Counts the tokens of input"},
    {"POST", "/responses/input_tokens", kInfer, Dialect::kOpenAi, openai::count_response_input, "Counts the tokens of input"},
    {"GET", "/v1/responses/*", kInfer, Dialect::kOpenAi, openai::show_response, "An answer that was kept, or its /input_items"},
    {"GET", "/responses/*", kInfer, Dialect::kOpenAi, openai::show_response, "An answer that was kept, or its /input_items"},
    {"DELETE", "/v1/responses/*", kInfer, Dialect::kOpenAi, openai::delete_response, "Forgets an answer"},
    {"DELETE", "/responses/*", kInfer, Dialect::kOpenAi, openai::delete_response, "Forgets an answer"},
    {"GET", "/api/v0/models", kInfer, Dialect::kLmStudio, lmstudio::list_models_v0, "The installed models"},
    {"GET", "/api/v0/models/*", kInfer, Dialect::kLmStudio, lmstudio::show_model_v0, "One installed model"},
    {"POST", "/api/v0/chat/completions", kInfer, Dialect::kLmStudio, lmstudio::chat_completions_v0, "Answers a conversation"},
    {"POST", "/api/v0/completions", kInfer, Dialect::kLmStudio, lmstudio::completions_v0, "Continues prompts"},
    {"POST", "/api/v0/embeddings", kInfer, Dialect::kLmStudio, lmstudio::embeddings_v0, "Makes vectors of texts"},
    {"GET", "/api/v1/models", kInfer, Dialect::kLmStudio, lmstudio::list_models_v1, "The installed models"},
    {"POST", "/api/v1/models/load", Scope::kManage, Dialect::kLmStudio, lmstudio::load_model, "Loads a model"},
    {"POST", "/api/v1/models/unload", Scope::kManage, Dialect::kLmStudio, lmstudio::unload_model, "Takes a model out of memory"},
    {"POST", "/api/v1/chat", kInfer, Dialect::kLmStudio, lmstudio::chat_v1, "Answers input, with events that tell of progress"},
};

std::string_view prefix_of(const Route& route) {
  const std::string_view path = route.path;
  return path.ends_with("/*") ? path.substr(0, path.size() - 1) : std::string_view();
}

bool matches(const Route& route, std::string_view path) {
  const std::string_view prefix = prefix_of(route);
  return prefix.empty() ? path == route.path : path.size() > prefix.size() && path.starts_with(prefix);
}

Dialect dialect_of_path(std::string_view path) {
  if (path.starts_with("/api/v")) return Dialect::kLmStudio;
  if (path.starts_with("/api/")) return Dialect::kOllama;
  if (path.starts_with("/v1/messages")) return Dialect::kAnthropic;
  return path.starts_with("/v1/") ? Dialect::kOpenAi : Dialect::kNative;
}

void no_route(const Request& request, const ResponderPtr& responder) {
  std::string allowed;
  for (const Route& route : kRoutes) {
    if (matches(route, request.path)) allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
  }
  ApiError error;
  Headers headers;
  if (allowed.empty()) {
    error = {404, "there is no " + request.path.substr(0, 200) + " here; GET /openapi.json lists what there is", "", "", 0, 0, 0};
  } else {
    error = {405, request.method + " is not allowed for " + request.path.substr(0, 200) + "; allowed: " + allowed, "", "", 0, 0, 0};
    headers.emplace_back("allow", allowed);
  }
  responder->send(error.status, "application/json; charset=utf-8",
                  error_body(dialect_of_path(request.path), error, request.id), std::move(headers));
}

const Route* find_route(const Request& request) {
  const std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
  for (const Route& route : kRoutes) {
    if (method == route.method && matches(route, request.path)) return &route;
  }
  return nullptr;
}

}  // namespace

std::span<const Route> all_routes() { return kRoutes; }

std::string_view tail_after(const Request& request, std::string_view prefix) {
  return std::string_view(request.path).starts_with(prefix) ? std::string_view(request.path).substr(prefix.size()) : "";
}

Handler make_handler(Context& context) {
  return [&context](Request request, std::shared_ptr<Responder> responder) {
    const Route* route = find_route(request);
    if (route == nullptr) return no_route(request, responder);
    if (const auto& record = responder->record()) {
      record->add([&](RequestFacts& facts) { facts.route = route->path, facts.dialect = dialect_name(route->dialect); });
    }
    if (route->scope == Scope::kManage && request.scope != Scope::kManage) {
      const ApiError error{403, "this key may infer but not manage: " + request.path.substr(0, 200) + " needs a key with scope manage",
                           "", "", 0, 0, 0};
      return send_error(*responder, route->dialect, error, request.id);
    }
    try {
      route->handler(context, request, responder);
    } catch (const std::exception& problem) {
      log(LogLevel::kWarning, "request " + request.id + " " + request.path + ": " + problem.what());
      if (!responder->answered()) {
        send_error(*responder, route->dialect, {500, "an internal error; the log has more", "", "", 0, 0, 0}, request.id);
      }
    }
  };
}

}  // namespace hearth::server
