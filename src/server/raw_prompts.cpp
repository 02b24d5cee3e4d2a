// Contract and exclusions: server/raw_prompts.h.
#include "server/raw_prompts.h"

#include <algorithm>

#include "engine/prompt.h"
#include "server/generation.h"
#include "text/tokenizer.h"

namespace hearth::server {

namespace {

ApiError wrong_shape(const std::string& where) {
  return bad_request("'" + where + "' must be a string, a list of token ids, or a list of these", where);
}

Checked<int32_t> read_token(const Engine& engine, const Json& value, const std::string& where) {
  const int64_t vocabulary = engine.info().vocabulary;
  if (!value.is_number_integer() || value < 0 || value >= vocabulary) {
    return bad_request("'" + where + "': " + to_text(value).substr(0, 40) + " is no token id of this model (0 to " +
                           std::to_string(vocabulary - 1) + ")",
                       where);
  }
  return value.get<int32_t>();
}

// Ids and texts in turn. The start token goes before the first text only, as before a prompt that is all text.
Checked<RawPrompt> read_mixed(const Engine& engine, const Json& list, const std::string& where) {
  RawPrompt prompt;
  for (const Json& part : list) {
    if (part.is_string()) {
      const std::string& text = part.get_ref<const std::string&>();
      const bool first = prompt.tokens.empty();
      const std::vector<int32_t> tokens = engine.tokenizer().encode(text, {.add_start = first, .parse_special = true});
      prompt.tokens.insert(prompt.tokens.end(), tokens.begin(), tokens.end());
      prompt.text += text;
    } else {
      Checked<int32_t> token = read_token(engine, part, where);
      if (!token.ok()) return token.error();
      prompt.tokens.push_back(*token);
      prompt.text += engine.tokenizer().token_bytes(prompt.tokens.back(), /*special=*/true);
    }
  }
  return prompt;
}

Checked<RawPrompt> read_object(const Engine& engine, const Json& object, const std::string& where) {
  const Json* media = find_member(object, "multimodal_data");
  if (media != nullptr && !(media->is_array() && media->empty())) {
    return not_supported("'" + where + ".multimodal_data' is not supported: this model reads text only", where);
  }
  const Json* text = find_member(object, "prompt_string");
  if (text == nullptr || !text->is_string()) return bad_request("'" + where + ".prompt_string' must be a string", where);
  return RawPrompt{text_prompt(engine, text->get_ref<const std::string&>()), text->get<std::string>()};
}

bool is_one_list(const Json& list) {
  return std::any_of(list.begin(), list.end(), [](const Json& entry) { return entry.is_number(); });
}

void add_end(const text::Tokenizer& tokenizer, std::vector<int32_t>* tokens) {
  const bool ended = !tokens->empty() && tokens->back() == tokenizer.end_id();
  if (tokenizer.adds_end() && !ended) tokens->push_back(tokenizer.end_id());
}

Checked<RawPrompt> read_one(const Engine& engine, const Json& value, const std::string& where, const RawPromptRules& rules) {
  Checked<RawPrompt> prompt = wrong_shape(where);
  if (value.is_string()) {
    const std::string& text = value.get_ref<const std::string&>();
    prompt = RawPrompt{text_prompt(engine, text), text};
  } else if (value.is_object()) {
    prompt = read_object(engine, value, where);
  } else if (value.is_array()) {
    prompt = read_mixed(engine, value, where);
  }
  if (!prompt.ok()) return prompt;
  if (rules.whole) {
    const bool blank = value.is_array() ? value.empty() : prompt->text.empty();
    if (blank) return bad_request("'" + where + "' is empty", where);
    if (!value.is_array() || value.back().is_string()) add_end(engine.tokenizer(), &prompt->tokens);
  }
  if (prompt->tokens.empty()) {
    const text::Tokenizer& tokenizer = engine.tokenizer();
    const int32_t start = tokenizer.start_id() >= 0 ? tokenizer.start_id() : tokenizer.end_id();
    if (start < 0) return bad_request("'" + where + "' is empty, and this model has no token to start from", where);
    prompt->tokens.push_back(start);
  }
  if (Checked<Nothing> fits = check_prompt_fits(engine, prompt->tokens); !fits.ok()) {
    ApiError error = fits.error();
    error.param = where;
    return error;
  }
  return prompt;
}

}  // namespace

Checked<std::vector<RawPrompt>> read_prompts(const Engine& engine, const Json& body, const char* field,
                                             const RawPromptRules& rules) {
  const Json* value = find_member(body, field);
  if (value == nullptr) return bad_request(std::string("'") + field + "' is missing", field);
  std::vector<RawPrompt> prompts;
  if (!value->is_array() || value->empty() || is_one_list(*value)) {
    Checked<RawPrompt> prompt = read_one(engine, *value, field, rules);
    if (!prompt.ok()) return prompt.error();
    prompts.push_back(std::move(*prompt));
    return prompts;
  }
  if (value->size() > rules.most) {
    return bad_request(std::string("'") + field + "' has " + std::to_string(value->size()) + " prompts; at most " +
                           std::to_string(rules.most) + " are possible",
                       field);
  }
  for (size_t i = 0; i < value->size(); ++i) {
    Checked<RawPrompt> prompt = read_one(engine, (*value)[i], std::string(field) + "[" + std::to_string(i) + "]", rules);
    if (!prompt.ok()) return prompt.error();
    prompts.push_back(std::move(*prompt));
  }
  return prompts;
}

}  // namespace hearth::server
