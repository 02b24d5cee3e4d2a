// GET /props and /slots, and the rerank routes: what the server has and what it lacks.
// Contract: server/native/native.h.
#include <algorithm>

#include "server/native/native.h"
#include "text/tokenizer.h"

namespace hearth::server::native {

namespace {

std::string_view token_text(const text::Tokenizer& tokenizer, int32_t id) {
  return id >= 0 ? tokenizer.token_text(id) : std::string_view();
}

// How an answer is sampled; no text of it or of its request.
Json sampling_of(const GenerateOptions& options) {
  Parameters parameters;
  parameters.generate = options;
  parameters.logprobs = options.sampler.logprobs >= 0;
  parameters.top_logprobs = std::max(0, options.sampler.logprobs);
  Json params = settings_of(parameters);
  for (const char* name : {"stop", "dry_sequence_breakers", "logit_bias", "stream"}) params.erase(name);
  return params;
}

Json slot_of(const Models::Status& model, const SessionStats& session, int64_t id) {
  const bool busy = session.answer != 0;
  return {{"id", id},
          {"id_task", busy ? static_cast<int64_t>(session.answer) : -1},
          {"model", model.name},
          {"n_ctx", session.context},
          {"speculative", session.speculates},
          {"is_processing", busy},
          {"n_prompt_tokens", session.prompt_tokens},
          {"n_prompt_tokens_processed", session.prompt_done - session.prompt_reused},
          {"n_prompt_tokens_cache", session.prompt_reused},
          {"params", busy && session.options ? sampling_of(*session.options) : Json::object()},
          {"next_token",
           {{"has_next_token", busy},
            {"has_new_line", session.line_ended},
            {"n_remain", session.tokens_left},
            {"n_decoded", session.answer_tokens}}}};
}

}  // namespace

void slots(Context& context, const Request& request, const ResponderPtr& responder) {
  std::string wanted(request.query_value("model").value_or(""));
  if (!wanted.empty()) {
    Checked<library::Installed> file = context.models.resolve(wanted);
    if (!file.ok()) return send_error(*responder, Dialect::kNative, file.error(), request.id);
    wanted = file->name;
  }
  Json list = Json::array();
  bool idle = false;
  for (const Models::Status& model : context.models.loaded()) {
    if (!wanted.empty() && model.name != wanted) continue;
    for (const SessionStats& session : model.sessions) {
      idle = idle || session.answer == 0;
      list.push_back(slot_of(model, session, static_cast<int64_t>(list.size())));
    }
  }
  if (!idle && !list.empty() && request.query_value("fail_on_no_slot").value_or("") == "1") {
    return send_error(*responder, Dialect::kNative, {503, "no slot available", "", "", 0, 0, 1}, request.id);
  }
  send_json(*responder, list);
}

void props(Context& context, const Request& request, const ResponderPtr& responder) {
  const std::string name(request.query_value("model").value_or(""));
  Checked<std::shared_ptr<Models::Lease>> model = context.models.acquire(name);
  if (!model.ok()) return send_error(*responder, Dialect::kNative, model.error(), request.id);
  const Engine& engine = (*model)->engine();
  const ModelInfo& info = engine.info();
  send_json(*responder,
            {{"default_generation_settings",
              {{"n_ctx", info.context}, {"params", settings_of(default_parameters(Dialect::kNative))}}},
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

void rerank(Context&, const Request& request, const ResponderPtr& responder) {
  const ApiError error{501, "reranking is not supported: no model here is a reranker", "", "", 0, 0, 0};
  send_error(*responder, Dialect::kNative, error, request.id);
}

}  // namespace hearth::server::native
