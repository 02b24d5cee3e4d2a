// The form that an answer has to have, as a request names it, and the compiled grammars of a model.
//
// Contract: AnswerShape is a value. GrammarCache compiles for one tokenizer; it is thread-safe, keeps what was used last within
// kGrammarCacheBytes and kGrammarCacheEntries, and never gives a looser grammar than was asked for: what cannot be compiled
// is an error.
// Not here: following a grammar token by token (engine/grammar_guide.h), names of request fields (server/shapes.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "hearth/error.h"

namespace hearth {

namespace text {
class Tokenizer;
}
namespace text::grammar {
class Grammar;
class TokenVocabulary;
}  // namespace text::grammar
namespace text::tools {
struct AnswerGrammar;
}

struct AnswerShape {
  enum class Kind { kFree, kJsonObject, kSchema, kGbnf, kChoices, kPattern };
  Kind kind = Kind::kFree;
  std::string source;                // schema (JSON), GBNF or regular expression
  std::vector<std::string> choices;
  // Reasoning before it and tool calls beside it, in the model's own form; null: the form above is the whole answer.
  std::shared_ptr<const text::tools::AnswerGrammar> around = nullptr;
};

class GrammarCache {
 public:
  static constexpr size_t kGrammarCacheBytes = size_t{256} << 20;
  static constexpr size_t kGrammarCacheEntries = 64;

  explicit GrammarCache(const text::Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  ~GrammarCache();
  // Brings the vocabulary into the form that masks are made from (tens of milliseconds, once), which the first get() else
  // waits for. Called once, by the thread that loads the model; get() may be called meanwhile.
  void prepare_in_background();
  // Null for kFree with nothing around it. Errors as the compilers have them: kInvalidArgument, kUnsupported, kResource.
  Result<std::shared_ptr<text::grammar::Grammar>> get(const AnswerShape& shape);
  // Bytes of the vocabulary's trees and of everything compiled.
  size_t byte_size() const;

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<text::grammar::Grammar> grammar;
  };
  std::shared_ptr<text::grammar::Grammar> find(const std::string& key);
  std::shared_ptr<text::grammar::TokenVocabulary> vocabulary(const std::vector<int32_t>& shown);
  void keep_to_budget();

  const text::Tokenizer& tokenizer_;
  mutable std::mutex mutex_;
  std::mutex vocabulary_mutex_;      // while one is made; before mutex_
  // By the control tokens that they show: none, and those of the model's tool calls.
  std::map<std::vector<int32_t>, std::shared_ptr<text::grammar::TokenVocabulary>> vocabularies_;
  std::thread preparing_;
  std::list<Entry> entries_;         // most recently used first
};

}  // namespace hearth
