// POST /completion. Contract: server/native/native.h.
#include <cmath>

#include "server/adapters.h"
#include "server/generation.h"
#include "server/native/completion_writer.h"
#include "server/native/native.h"
#include "server/raw_prompts.h"

namespace hearth::server::native {

Json settings_of(const Parameters& parameters) {
  const GenerateOptions& generate = parameters.generate;
  const text::SamplerOptions& sampler = generate.sampler;
  Json bias = Json::array();
  for (const auto& [id, value] : sampler.logit_bias) {
    bias.push_back({{"token", id}, {"bias", std::isfinite(value) ? Json(value) : Json(false)}});
  }
  return {{"seed", sampler.seed},
          {"temperature", sampler.temperature},
          {"dynatemp_range", sampler.dynamic_range},
          {"dynatemp_exponent", sampler.dynamic_exponent},
          {"top_k", sampler.top_k},
          {"top_p", sampler.top_p},
          {"min_p", sampler.min_p},
          {"top_n_sigma", sampler.top_n_sigma},
          {"xtc_probability", sampler.xtc_probability},
          {"xtc_threshold", sampler.xtc_threshold},
          {"typical_p", sampler.typical_p},
          {"repeat_last_n", sampler.penalty_window},
          {"repeat_penalty", sampler.repetition_penalty},
          {"presence_penalty", sampler.presence_penalty},
          {"frequency_penalty", sampler.frequency_penalty},
          {"dry_multiplier", sampler.dry_multiplier},
          {"dry_base", sampler.dry_base},
          {"dry_allowed_length", sampler.dry_allowed_length},
          {"dry_penalty_last_n", sampler.dry_window},
          {"dry_sequence_breakers", sampler.dry_breakers},
          {"mirostat", sampler.mirostat},
          {"mirostat_tau", sampler.mirostat_tau},
          {"mirostat_eta", sampler.mirostat_eta},
          {"stop", generate.stop},
          {"max_tokens", generate.max_tokens},
          {"n_predict", generate.max_tokens},
          {"t_max_predict_ms", generate.line_milliseconds},
          {"n_indent", generate.min_indent},
          {"min_keep", sampler.min_keep},
          {"ignore_eos", generate.ignore_stop_tokens},
          {"stream", parameters.stream},
          {"logit_bias", std::move(bias)},
          {"n_probs", parameters.logprobs ? parameters.top_logprobs : 0},
          {"samplers", sampler.order},
          {"lora", adapters_to_json(parameters.adapters.value_or(AdapterSet{}))}};
}

void completion(Context& context, const Request& request, const ResponderPtr& responder) {
  const auto refuse = [&](const ApiError& error) { send_error(*responder, Dialect::kNative, error, request.id); };
  Checked<Prepared> prepared = prepare(context, request, Dialect::kNative);
  if (!prepared.ok()) return refuse(prepared.error());
  if (Checked<Nothing> fine = refuse_tools(*prepared); !fine.ok()) return refuse(fine.error());
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
