// POST /completion. Contract: server/native/native.h.
#include <cmath>

#include "server/generation.h"
#include "server/native/completion_writer.h"
#include "server/native/native.h"
#include "server/raw_prompts.h"

namespace hearth::server::native {

Json settings_of(const Parameters& parameters, const Engine& engine) {
  const GenerateOptions& generate = parameters.generate;
  const text::SamplerOptions& sampler = generate.sampler;
  Json bias = Json::array();
  for (const auto& [id, value] : sampler.logit_bias) {
    bias.push_back({{"token", id}, {"bias", std::isfinite(value) ? Json(value) : Json(false)}});
  }
  return {{"n_ctx", engine.info().context},
          {"seed", sampler.seed},
          {"temperature", sampler.temperature},
          {"top_k", sampler.top_k},
          {"top_p", sampler.top_p},
          {"min_p", sampler.min_p},
          {"repeat_last_n", sampler.penalty_window},
          {"repeat_penalty", sampler.repetition_penalty},
          {"presence_penalty", sampler.presence_penalty},
          {"frequency_penalty", sampler.frequency_penalty},
          {"stop", generate.stop},
          {"max_tokens", generate.max_tokens},
          {"n_predict", generate.max_tokens},
          {"ignore_eos", generate.ignore_stop_tokens},
          {"stream", parameters.stream},
          {"logit_bias", std::move(bias)},
          {"n_probs", parameters.logprobs ? parameters.top_logprobs : 0},
          {"samplers", sampler.order}};
}

void completion(Context& context, const Request& request, const ResponderPtr& responder) {
  const auto refuse = [&](const ApiError& error) { send_error(*responder, Dialect::kNative, error, request.id); };
  Checked<Prepared> prepared = prepare(context, request, Dialect::kNative);
  if (!prepared.ok()) return refuse(prepared.error());
  Checked<CompletionShape> shape = read_shape(*prepared);
  if (!shape.ok()) return refuse(shape.error());
  Checked<std::vector<RawPrompt>> prompts = read_prompts(prepared->model->engine(), prepared->body);
  if (!prompts.ok()) return refuse(prompts.error());
  Generation generation{prepared->model, {}, prepared->parameters, request.owner};
  for (RawPrompt& prompt : *prompts) {
    generation.prompts.push_back(std::move(prompt.tokens));
    shape->prompts.push_back(std::move(prompt.text));
  }
  auto writer = std::make_shared<CompletionWriter>(responder, *prepared, request.id, std::move(*shape));
  start_answers(std::move(generation), events_of(std::move(writer)), responder);
}

}  // namespace hearth::server::native
