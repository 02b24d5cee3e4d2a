// Contract and exclusions: engine/prompt.h.
#include "engine/prompt.h"

#include "text/tokenizer.h"

namespace hearth {

std::vector<int32_t> text_prompt(const Engine& engine, std::string_view text, bool parse_special) {
  return engine.tokenizer().encode(text, {.add_start = true, .parse_special = parse_special});
}

std::vector<int32_t> whole_text(const Engine& engine, std::string_view text) {
  const text::Tokenizer& tokenizer = engine.tokenizer();
  std::vector<int32_t> tokens = text_prompt(engine, text);
  const bool ends = !tokens.empty() && tokens.back() == tokenizer.end_id();
  if (tokenizer.adds_end() && !ends) tokens.push_back(tokenizer.end_id());
  const int32_t any = tokenizer.start_id() >= 0 ? tokenizer.start_id() : tokenizer.end_id();
  if (tokens.empty() && any >= 0) tokens.push_back(any);
  return tokens;
}

namespace {

Result<const text::ChatTemplate*> template_of(const Engine& engine) {
  const text::ChatTemplate* chat_template = engine.chat_template();
  if (!engine.info().chat_template_error.empty()) {
    return Error{ErrorCode::kUnsupported, engine.info().path + ": " + engine.info().chat_template_error +
                                              ". The model can still continue text (--raw)"};
  }
  if (chat_template == nullptr) {
    return Error{ErrorCode::kUnsupported, engine.info().name + " has no chat template: it can only continue text"};
  }
  return chat_template;
}

}  // namespace

Result<std::string> render_chat(const Engine& engine, const nlohmann::ordered_json& variables) {
  const text::ChatTemplate* chat_template = TRY(template_of(engine));
  return chat_template->render(variables);
}

std::vector<int32_t> rendered_prompt(const Engine& engine, std::string_view rendered) {
  const text::Tokenizer& tokenizer = engine.tokenizer();
  std::vector<int32_t> tokens = tokenizer.encode(rendered, {.add_start = false, .parse_special = true});
  const int32_t start = tokenizer.start_id();
  if (tokenizer.adds_start() && start >= 0 && (tokens.empty() || tokens.front() != start)) {
    tokens.insert(tokens.begin(), start);
  }
  return tokens;
}

Result<std::vector<int32_t>> chat_prompt(const Engine& engine, const std::vector<text::ChatMessage>& messages) {
  const text::ChatTemplate* chat_template = TRY(template_of(engine));
  return rendered_prompt(engine, TRY(chat_template->render(messages, /*add_generation_prompt=*/true)));
}

}  // namespace hearth
