// Contract and exclusions: server/infill.h.
#include "server/infill.h"

#include <algorithm>

#include "engine/prompt.h"
#include "server/generation.h"
#include "server/messages.h"
#include "text/fim_tokens.h"
#include "text/tokenizer.h"
#include "text/tools/tool_conversation.h"

namespace hearth::server {

namespace {

using Tokens = std::vector<int32_t>;

constexpr int64_t kRoomForAnswer = 256;    // tokens, where the request sets no bound of its own
constexpr size_t kTellingBytes = 8;        // of a suffix, blanks not counted: what the answer would hardly say by itself
constexpr size_t kMaxSuffixStop = 200;     // bytes
constexpr const char* kProject = "project\n";

void append(Tokens* to, const Tokens& more) { to->insert(to->end(), more.begin(), more.end()); }

Tokens plain(const Engine& engine, std::string_view text) {
  return engine.tokenizer().encode(text, {.add_start = false, .parse_special = false});
}

// Prefix, suffix and middle in the order that the model was trained on.
Tokens own_core(const Engine& engine, const Gap& gap) {
  const text::FimTokens fim = text::fim_tokens_of(engine.tokenizer());
  Tokens prefix{fim.prefix}, suffix{fim.suffix};
  append(&prefix, plain(engine, gap.prefix));
  append(&suffix, plain(engine, gap.suffix));
  Tokens core = fim.suffix_first ? suffix : prefix;
  append(&core, fim.suffix_first ? prefix : suffix);
  if (fim.middle >= 0) core.push_back(fim.middle);
  return core;
}

Tokens own_extra(const Engine& engine, const ExtraFile& file) {
  const text::FimTokens fim = text::fim_tokens_of(engine.tokenizer());
  Tokens tokens;
  if (fim.file >= 0) {
    tokens.push_back(fim.file);
    append(&tokens, plain(engine, file.name + "\n" + file.text));
    return tokens;
  }
  return plain(engine, "\n\n--- " + file.name + " ---\n\n" + file.text);
}

int64_t room_for_extra(const Engine& engine, const Gap& gap, size_t core) {
  const int64_t answer = gap.max_tokens >= 0 ? gap.max_tokens : kRoomForAnswer;
  return engine.info().context - answer - static_cast<int64_t>(core);
}

Checked<GapPrompt> own_prompt(const Engine& engine, const Gap& gap) {
  const text::Tokenizer& tokenizer = engine.tokenizer();
  const text::FimTokens fim = text::fim_tokens_of(tokenizer);
  Tokens core = own_core(engine, gap);
  Tokens front;
  if (tokenizer.adds_start() && tokenizer.start_id() >= 0) front.push_back(tokenizer.start_id());
  if (!gap.extra.empty() && fim.repository >= 0 && fim.file >= 0) {
    front.push_back(fim.repository);
    append(&front, plain(engine, kProject));
    core.insert(core.begin(), fim.file);
  }
  int64_t room = room_for_extra(engine, gap, core.size() + front.size());
  std::vector<Tokens> taken;
  for (size_t i = gap.extra.size(); i-- > 0;) {
    Tokens tokens = own_extra(engine, gap.extra[i]);
    room -= static_cast<int64_t>(tokens.size());
    if (room < 0) break;
    taken.push_back(std::move(tokens));
  }
  GapPrompt prompt;
  prompt.left_out = static_cast<int64_t>(gap.extra.size() - taken.size());
  prompt.tokens = std::move(front);
  for (size_t i = taken.size(); i-- > 0;) append(&prompt.tokens, taken[i]);
  append(&prompt.tokens, core);
  return prompt;
}

// Longer than every run of backticks in the texts, so that it ends nothing by chance.
std::string fence_for(const Gap& gap) {
  size_t longest = 2;
  for (const std::string* text : {&gap.prefix, &gap.suffix}) {
    size_t run = 0;
    for (const char c : *text) longest = std::max(longest, run = c == '`' ? run + 1 : 0);
  }
  return std::string(longest + 1, '`');
}

// The beginning of the suffix: whole lines until they are telling. "" for a suffix that is all blank.
std::string beginning_of(std::string_view suffix) {
  size_t telling = 0, end = 0;
  for (; end < suffix.size() && end < kMaxSuffixStop; ++end) {
    const char c = suffix[end];
    if (c == '\n' && telling >= kTellingBytes) break;
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') ++telling;
  }
  while (end < suffix.size() && (static_cast<unsigned char>(suffix[end]) & 0xC0) == 0x80) --end;  // whole characters
  return telling > 0 ? std::string(suffix.substr(0, end)) : std::string();
}

Checked<Tokens> asking_tokens(const Engine& engine, const Gap& gap, size_t first_extra, const std::string& fence) {
  std::string question;
  for (size_t i = first_extra; i < gap.extra.size(); ++i) {
    question += "File " + gap.extra[i].name + ":\n" + fence + "\n" + gap.extra[i].text + "\n" + fence + "\n\n";
  }
  if (!gap.suffix.empty()) {
    question += "Write what comes directly before the following, and stop where it begins:\n" + fence + "\n" + gap.suffix +
                "\n" + fence + "\nAnswer with nothing but one block.";
  } else {
    question += "Go on with the text that is begun in the answer. Answer with nothing but one block.";
  }
  const std::string begun = fence + "\n" + gap.prefix;
  if (engine.chat_template() == nullptr || !engine.info().chat_template_error.empty()) {
    return text_prompt(engine, question + "\n\n" + begun);
  }
  Conversation conversation;
  conversation.messages.push_back({{"role", "user"}, {"content", question}});
  AnswerWishes wishes;
  wishes.reasoning.wish = text::tools::ReasoningWish::kOff;  // the answer has been begun
  Checked<std::string> rendered = render_conversation(engine, wishes, conversation);
  if (!rendered.ok()) return rendered.error();
  return rendered_prompt(engine, *rendered + text::tools::closed_reasoning(engine.answer_format(), *rendered) + begun);
}

Checked<GapPrompt> asking_prompt(const Engine& engine, const Gap& gap) {
  GapPrompt prompt;
  if (gap.suffix.empty() && gap.extra.empty()) {
    prompt.tokens = text_prompt(engine, gap.prefix, /*parse_special=*/false);
    return prompt;
  }
  const std::string fence = fence_for(gap);
  // What surely does not fit is left out before anything is rendered.
  size_t first = gap.extra.size();
  int64_t room = room_for_extra(engine, gap, plain(engine, gap.prefix).size() + plain(engine, gap.suffix).size());
  for (; first > 0; --first) {
    room -= static_cast<int64_t>(plain(engine, gap.extra[first - 1].text).size());
    if (room < 0) break;
  }
  for (;; ++first) {
    Checked<Tokens> tokens = asking_tokens(engine, gap, first, fence);
    if (!tokens.ok()) return tokens.error();
    prompt.tokens = std::move(*tokens);
    prompt.left_out = static_cast<int64_t>(first);
    if (first == gap.extra.size() || room_for_extra(engine, gap, prompt.tokens.size()) >= 0) break;
  }
  prompt.stops.push_back("\n" + fence);
  if (std::string stop = beginning_of(gap.suffix); !stop.empty()) prompt.stops.push_back(std::move(stop));
  return prompt;
}

}  // namespace

Checked<GapPrompt> gap_prompt(const Engine& engine, const Gap& gap) {
  Checked<GapPrompt> prompt = text::fim_tokens_of(engine.tokenizer()).usable() ? own_prompt(engine, gap) : asking_prompt(engine, gap);
  if (!prompt.ok()) return prompt;
  if (prompt->tokens.empty()) return bad_request("there is neither a prefix nor a suffix: nothing to complete", "input_prefix");
  if (Checked<Nothing> fits = check_prompt_fits(engine, prompt->tokens); !fits.ok()) return fits.error();
  prompt->text = engine.tokenizer().decode(prompt->tokens, /*special=*/true);
  return prompt;
}

bool holds_fim_tokens(const Engine& engine, std::string_view prompt) {
  const text::FimTokens fim = text::fim_tokens_of(engine.tokenizer());
  for (const int32_t id : {fim.prefix, fim.suffix, fim.middle}) {
    if (id >= 0 && prompt.find(engine.tokenizer().token_bytes(id, /*special=*/true)) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace hearth::server
