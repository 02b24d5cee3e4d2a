// POST /v1/completions: continues prompts as they are.
//
// Contract: server/openai/openai.h. Choice i * n + k is the k-th answer to prompt i. Log-probabilities have the legacy form
// {tokens, token_logprobs, top_logprobs, text_offset}; offsets count characters of the choice's text.
#include <algorithm>

#include "base/utf8.h"
#include "server/infill.h"
#include "server/openai/openai.h"
#include "server/raw_prompts.h"
#include "server/stream.h"
#include "text/tokenizer.h"

namespace hearth::server::openai {

namespace {

struct CompletionOptions {
  bool usage = false;
  std::vector<std::string> echoes;   // one per prompt; empty: the prompt is not repeated
};

int64_t count_characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

// A token that is part of a character only is written as OpenAI writes it: bytes:\xe2\x80.
std::string shown_token(std::string_view bytes) {
  if (is_valid_utf8(bytes)) return std::string(bytes);
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "bytes:";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return text;
}

class CompletionWriter {
 public:
  CompletionWriter(ResponderPtr responder, const Prepared& prepared, Dialect dialect, std::string request_id,
                   CompletionOptions options, size_t prompts, Decorate decorate)
      : responder_(responder),
        stream_(std::move(responder), EventStream::Form::kEvents, answer_headers(prepared)),
        model_(prepared.model),
        headers_(answer_headers(prepared)),
        parameters_(prepared.parameters),
        dialect_(dialect),
        request_id_(std::move(request_id)),
        options_(std::move(options)),
        offsets_(prompts * static_cast<size_t>(prepared.parameters.choices), 0),
        decorate_(std::move(decorate)) {}

  void prompt(const PromptProgress& progress) {
    if (!parameters_.stream) return;
    stream_.pulse("prompt " + std::to_string(progress.done_tokens) + " of " + std::to_string(progress.total_tokens));
  }

  void text(int index, std::string_view text, std::span<const GeneratedToken> tokens) {
    if (!parameters_.stream) return;
    open_choices();
    if (text.empty() && !(parameters_.logprobs && !tokens.empty())) return;
    send_choice(index, text, parameters_.logprobs ? legacy_logprobs(index, tokens) : Json(), Json());
  }

  void end(int index, const GenerateResult& result) {
    if (!parameters_.stream) return;
    open_choices();
    send_choice(index, "", Json(), finish_reason(result));
  }

  void done(const std::vector<GenerateResult>& results) {
    if (!parameters_.stream) {
      send_json(*responder_, whole(results), 200, headers_);
    } else {
      Json last = envelope();
      finish(&last, results);
      if (options_.usage) stream_.send(last);
      stream_.send_text("[DONE]");
      stream_.end();
    }
    model_.reset();
  }

  void error(const ApiError& error) {
    if (!stream_.begun()) {
      send_error(*responder_, dialect_, error, request_id_);
    } else {
      stream_.send_text(error_body(dialect_, error, request_id_));
      stream_.end();
    }
    model_.reset();
  }

 private:
  Json envelope() const {
    return {{"id", id_}, {"object", "text_completion"}, {"created", created_}, {"model", model_->name()},
            {"system_fingerprint", "hearth"}, {"choices", Json::array()}};
  }

  std::string_view echo_of(int index) const {
    const auto prompt = static_cast<size_t>(index / parameters_.choices);
    return prompt < options_.echoes.size() ? std::string_view(options_.echoes[prompt]) : std::string_view();
  }

  Json choice(int index, std::string_view text, Json logprobs, Json reason) const {
    return {{"text", text}, {"index", index}, {"logprobs", std::move(logprobs)}, {"finish_reason", std::move(reason)}};
  }

  void send_choice(int index, std::string_view text, Json logprobs, Json reason) {
    Json chunk = envelope();
    chunk["choices"].push_back(choice(index, text, std::move(logprobs), std::move(reason)));
    if (options_.usage) chunk["usage"] = nullptr;
    stream_.send(chunk);
  }

  // The prompts are repeated before anything else is said.
  void open_choices() {
    if (opened_) return;
    opened_ = true;
    for (int i = 0; i < static_cast<int>(offsets_.size()); ++i) {
      if (!echo_of(i).empty()) send_choice(i, echo_of(i), Json(), Json());
    }
  }

  // Goes on from the offset that the choice has reached.
  Json legacy_logprobs(int index, std::span<const GeneratedToken> tokens) {
    const text::Tokenizer& tokenizer = model_->engine().tokenizer();
    const auto shown = [&](int32_t id) { return shown_token(tokenizer.token_bytes(id, /*special=*/true)); };
    const auto finite = [](float logprob) { return std::max(logprob, -9999.0f); };
    int64_t& offset = offsets_[static_cast<size_t>(index)];
    Json lists = {{"tokens", Json::array()}, {"token_logprobs", Json::array()}, {"top_logprobs", Json::array()},
                  {"text_offset", Json::array()}};
    for (const GeneratedToken& token : tokens) {
      lists["tokens"].push_back(shown(token.id));
      lists["token_logprobs"].push_back(finite(token.logprob));
      Json top = Json::object();
      for (const text::TokenLogprob& other : token.alternatives) top[shown(other.id)] = finite(other.logprob);
      top[shown(token.id)] = finite(token.logprob);
      lists["top_logprobs"].push_back(std::move(top));
      lists["text_offset"].push_back(offset);
      offset += count_characters(tokenizer.token_bytes(token.id));
    }
    return lists;
  }

  void finish(Json* object, const std::vector<GenerateResult>& results) const {
    (*object)["usage"] = usage_of(results, parameters_.choices);
    (*object)["timings"] = timings_of(results.front());
    if (decorate_) decorate_(object, *model_, results);
  }

  Json whole(const std::vector<GenerateResult>& results) {
    Json answer = envelope();
    for (size_t i = 0; i < results.size(); ++i) {
      const int index = static_cast<int>(i);
      offsets_[i] = count_characters(echo_of(index));
      Json logprobs = parameters_.logprobs ? legacy_logprobs(index, results[i].tokens) : Json();
      answer["choices"].push_back(
          choice(index, std::string(echo_of(index)) + results[i].text, std::move(logprobs), finish_reason(results[i])));
    }
    finish(&answer, results);
    return answer;
  }

  ResponderPtr responder_;
  EventStream stream_;
  std::shared_ptr<Models::Lease> model_;
  Headers headers_;
  Parameters parameters_;
  Dialect dialect_;
  std::string request_id_;
  CompletionOptions options_;
  std::vector<int64_t> offsets_;     // per choice, in characters
  Decorate decorate_;
  std::string id_ = new_id("cmpl-");
  int64_t created_ = unix_seconds();
  bool opened_ = false;
};

Checked<CompletionOptions> read_options(const Prepared& prepared, const std::vector<RawPrompt>& prompts) {
  CompletionOptions options;
  Checked<bool> usage = wants_usage(prepared.body);
  if (!usage.ok()) return usage.error();
  options.usage = *usage;
  Checked<bool> echo = bool_member(prepared.body, "echo", false);
  if (!echo.ok()) return echo.error();
  if (*echo && prepared.parameters.logprobs) {
    return not_supported("'echo' with 'logprobs' is not supported: log-probabilities are told for the answer only", "echo");
  }
  if (*echo) {
    for (const RawPrompt& prompt : prompts) options.echoes.push_back(prompt.text);
  }
  const Json* best_of = find_member(prepared.body, "best_of");
  if (best_of != nullptr && *best_of > prepared.parameters.choices) {
    return not_supported("'best_of' above 'n' is not supported: ask for more answers with 'n'", "best_of");
  }
  return options;
}

}  // namespace

namespace {

// The answers fill the gaps between texts and one suffix.
Checked<std::vector<RawPrompt>> read_gaps(Prepared& prepared, const std::string& suffix) {
  const Json* field = find_member(prepared.body, "prompt");
  const Json texts = field == nullptr ? Json::array({""}) : field->is_array() ? *field : Json::array({*field});
  std::vector<RawPrompt> prompts;
  std::vector<std::string>& stop = prepared.parameters.generate.stop;
  for (const Json& text : texts) {
    if (!text.is_string()) return bad_request("'prompt' must be text where 'suffix' is given", "prompt");
    if (prompts.size() == kMaxPrompts) return bad_request("'prompt' has more than " + std::to_string(kMaxPrompts) + " entries", "prompt");
    Checked<GapPrompt> prompt = gap_prompt(
        prepared.model->engine(), {text.get<std::string>(), suffix, {}, prepared.parameters.generate.max_tokens});
    if (!prompt.ok()) return prompt.error();
    for (std::string& own : prompt->stops) {
      if (std::find(stop.begin(), stop.end(), own) == stop.end()) stop.push_back(std::move(own));
    }
    prompts.push_back({std::move(prompt->tokens), text.get<std::string>()});
  }
  if (prompts.empty()) return bad_request("'prompt' is empty", "prompt");
  return prompts;
}

}  // namespace

void answer_completion(Context& context, const Request& request, const ResponderPtr& responder, Dialect dialect,
                       Decorate decorate) {
  const auto refuse = [&](const ApiError& error) { send_error(*responder, dialect, error, request.id); };
  Checked<Prepared> prepared = prepare(context, request, dialect);
  if (!prepared.ok()) return refuse(prepared.error());
  if (Checked<Nothing> fine = refuse_tools(*prepared); !fine.ok()) return refuse(fine.error());
  Checked<std::string> suffix = string_member(prepared->body, "suffix");
  if (!suffix.ok()) return refuse(suffix.error());
  Checked<std::vector<RawPrompt>> prompts =
      suffix->empty() ? read_prompts(prepared->model->engine(), prepared->body) : read_gaps(*prepared, *suffix);
  if (!prompts.ok()) return refuse(prompts.error());
  Checked<CompletionOptions> options = read_options(*prepared, *prompts);
  if (!options.ok()) return refuse(options.error());
  Generation generation{prepared->model, {}, prepared->parameters, request.owner};
  for (RawPrompt& prompt : *prompts) generation.prompts.push_back(std::move(prompt.tokens));
  auto writer = std::make_shared<CompletionWriter>(responder, *prepared, dialect, request.id, std::move(*options),
                                                   generation.prompts.size(), std::move(decorate));
  start_answers(std::move(generation), events_of(std::move(writer)), responder);
}

void completions(Context& context, const Request& request, const ResponderPtr& responder) {
  answer_completion(context, request, responder, Dialect::kOpenAi, nullptr);
}

}  // namespace hearth::server::openai
