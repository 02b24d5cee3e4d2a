// Contract and exclusions: engine/answer_shape.h.
#include "engine/answer_shape.h"

#include "text/grammar/choices.h"
#include "text/grammar/gbnf.h"
#include "text/grammar/grammar.h"
#include "text/grammar/pattern.h"
#include "text/grammar/schema.h"
#include "text/tokenizer.h"
#include "text/tools/call_grammar.h"

namespace hearth {

namespace {

namespace grammar = text::grammar;

Result<grammar::Rules> compile_pattern(const std::string& pattern) {
  grammar::Rules rules;
  const grammar::PatternLanguage language =
      TRY(grammar::pattern_language(&rules.regex(), pattern, grammar::Spelling::kUtf8));
  const grammar::RuleId root = rules.add_rule("root");
  rules.define(root, rules.terminal(language.regex));
  rules.set_root(root);
  TRY(rules.finish());
  return rules;
}

Result<grammar::Rules> compile_form(const AnswerShape& shape) {
  switch (shape.kind) {
    case AnswerShape::Kind::kJsonObject: return grammar::compile_json_object();
    case AnswerShape::Kind::kSchema: return grammar::compile_schema(shape.source);
    case AnswerShape::Kind::kGbnf: return grammar::compile_gbnf(shape.source);
    case AnswerShape::Kind::kChoices: return grammar::compile_choices(shape.choices);
    case AnswerShape::Kind::kPattern: return compile_pattern(shape.source);
    case AnswerShape::Kind::kFree: break;
  }
  return Error{ErrorCode::kInvalidArgument, "an answer of any form has no grammar"};
}

Result<grammar::Rules> compile(const AnswerShape& shape) {
  if (shape.around == nullptr) return compile_form(shape);
  std::optional<grammar::Rules> content;
  if (shape.kind != AnswerShape::Kind::kFree) content = TRY(compile_form(shape));
  return text::tools::compile_answer(*shape.around, std::move(content));
}

// The format is the model's, and so is the cache.
std::string key_of(const AnswerShape& shape) {
  std::string key;
  const auto add = [&](const std::string& text) { key += std::to_string(text.size()) + ":" + text; };
  const auto add_number = [&](int64_t number) { key += std::to_string(number) + ","; };
  add_number(static_cast<int64_t>(shape.kind));
  add(shape.source);
  for (const std::string& choice : shape.choices) add(choice);
  if (shape.around == nullptr) return key;
  const text::tools::AnswerGrammar& around = *shape.around;
  key += around.reasons ? around.begins_in_reasoning ? "|inside" : "|reasons" : "|";
  add_number(static_cast<int64_t>(around.tools.active() ? around.tools.choice : text::tools::ToolChoice::kNone));
  add_number(around.tools.parallel ? 1 : 0);
  add(around.tools.name);
  for (const text::tools::ToolDefinition& tool : around.tools.tools) {
    add(tool.name);
    add(tool.parameters);
  }
  return key;
}

}  // namespace

Result<std::shared_ptr<grammar::Grammar>> GrammarCache::get(const AnswerShape& shape) {
  if (shape.kind == AnswerShape::Kind::kFree && shape.around == nullptr) return std::shared_ptr<grammar::Grammar>();
  const std::string key = key_of(shape);
  if (std::shared_ptr<grammar::Grammar> known = find(key)) return known;
  grammar::Rules rules = TRY(compile(shape));
  const std::vector<int32_t> shown = shape.around ? shape.around->format.shown_tokens : std::vector<int32_t>();
  std::shared_ptr<grammar::Grammar> made = grammar::Grammar::create(std::move(rules), vocabulary(shown));
  const std::lock_guard lock(mutex_);
  entries_.push_front({key, made});
  keep_to_budget();
  return made;
}

GrammarCache::~GrammarCache() {
  if (preparing_.joinable()) preparing_.join();
}

void GrammarCache::prepare_in_background() {
  if (!preparing_.joinable()) preparing_ = std::thread([this] { vocabulary({}); });
}

std::shared_ptr<grammar::TokenVocabulary> GrammarCache::vocabulary(const std::vector<int32_t>& shown) {
  const std::lock_guard making(vocabulary_mutex_);
  if (const auto known = vocabularies_.find(shown); known != vocabularies_.end()) return known->second;
  auto made = std::make_shared<grammar::TokenVocabulary>(tokenizer_, shown);
  const std::lock_guard lock(mutex_);
  return vocabularies_[shown] = std::move(made);
}

std::shared_ptr<grammar::Grammar> GrammarCache::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (entry->key != key) continue;
    entries_.splice(entries_.begin(), entries_, entry);
    return entries_.front().grammar;
  }
  return nullptr;
}

// Grammars grow while they are used, so all are counted anew. The one just made stays in any case.
void GrammarCache::keep_to_budget() {
  size_t bytes = 0, count = 0;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    bytes += entry->key.size() + entry->grammar->byte_size();
    if (++count > 1 && (bytes > kGrammarCacheBytes || count > kGrammarCacheEntries)) {
      entry = entries_.erase(entry);
    } else {
      ++entry;
    }
  }
}

size_t GrammarCache::byte_size() const {
  const std::lock_guard lock(mutex_);
  size_t bytes = 0;
  for (const auto& [shown, vocabulary] : vocabularies_) bytes += vocabulary->byte_size();
  for (const Entry& entry : entries_) bytes += entry.key.size() + entry.grammar->byte_size();
  return bytes;
}

}  // namespace hearth
