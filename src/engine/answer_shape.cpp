// Contract and exclusions: engine/answer_shape.h.
#include "engine/answer_shape.h"

#include "text/grammar/choices.h"
#include "text/grammar/gbnf.h"
#include "text/grammar/grammar.h"
#include "text/grammar/pattern.h"
#include "text/grammar/schema.h"
#include "text/tokenizer.h"

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

Result<grammar::Rules> compile(const AnswerShape& shape) {
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

std::string key_of(const AnswerShape& shape) {
  std::string key = std::to_string(static_cast<int>(shape.kind)) + ":" + shape.source;
  for (const std::string& choice : shape.choices) key += std::to_string(choice.size()) + ":" + choice;
  return key;
}

}  // namespace

Result<std::shared_ptr<grammar::Grammar>> GrammarCache::get(const AnswerShape& shape) {
  if (shape.kind == AnswerShape::Kind::kFree) return std::shared_ptr<grammar::Grammar>();
  const std::string key = key_of(shape);
  if (std::shared_ptr<grammar::Grammar> known = find(key)) return known;
  grammar::Rules rules = TRY(compile(shape));
  prepare();
  std::shared_ptr<grammar::Grammar> made = grammar::Grammar::create(std::move(rules), vocabulary_);
  const std::lock_guard lock(mutex_);
  entries_.push_front({key, made});
  keep_to_budget();
  return made;
}

void GrammarCache::prepare() {
  std::call_once(vocabulary_once_, [this] {
    auto vocabulary = std::make_shared<grammar::TokenVocabulary>(tokenizer_);
    const std::lock_guard lock(mutex_);
    vocabulary_ = std::move(vocabulary);
  });
}

GrammarCache::~GrammarCache() {
  if (preparing_.joinable()) preparing_.join();
}

void GrammarCache::prepare_in_background() {
  if (!preparing_.joinable()) preparing_ = std::thread([this] { prepare(); });
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
  size_t bytes = vocabulary_ ? vocabulary_->byte_size() : 0;
  for (const Entry& entry : entries_) bytes += entry.key.size() + entry.grammar->byte_size();
  return bytes;
}

}  // namespace hearth
