// GET /props and /lora-adapters, and the rerank routes: what the server has and what it lacks.
// Contract: server/native/native.h.
#include "server/native/native.h"
#include "text/tokenizer.h"

namespace hearth::server::native {

namespace {

std::string_view token_text(const text::Tokenizer& tokenizer, int32_t id) {
  return id >= 0 ? tokenizer.token_text(id) : std::string_view();
}

}  // namespace

void props(Context& context, const Request& request, const ResponderPtr& responder) {
  const std::string name(request.query_value("model").value_or(""));
  Checked<std::shared_ptr<Models::Lease>> model = context.models.acquire(name);
  if (!model.ok()) return send_error(*responder, Dialect::kNative, model.error(), request.id);
  const Engine& engine = (*model)->engine();
  const ModelInfo& info = engine.info();
  send_json(*responder,
            {{"default_generation_settings",
              {{"n_ctx", info.context}, {"params", settings_of(default_parameters(Dialect::kNative), engine)}}},
             {"total_slots", (*model)->service().stats().sessions},
             {"model_alias", (*model)->name()},
             {"model_path", (*model)->name()},
             {"n_ctx_train", info.context_trained},
             {"chat_template", info.chat_template},
             {"bos_token", token_text(engine.tokenizer(), engine.tokenizer().start_id())},
             {"eos_token", token_text(engine.tokenizer(), engine.tokenizer().end_id())},
             {"modalities", {{"vision", false}, {"audio", false}}},
             {"build_info", "hearth " + context.version},
             {"is_sleeping", false}});
}

void list_adapters(Context&, const Request&, const ResponderPtr& responder) { send_json(*responder, Json::array()); }

void rerank(Context&, const Request& request, const ResponderPtr& responder) {
  const ApiError error{501, "reranking is not supported: no model here is a reranker", "", "", 0, 0, 0};
  send_error(*responder, Dialect::kNative, error, request.id);
}

}  // namespace hearth::server::native
