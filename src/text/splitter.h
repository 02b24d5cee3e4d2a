// Pre-tokenizers: cut text into the words that byte-pair encoding works on.
//
// Contract: a Splitter is immutable and thread-safe, accepts any bytes, and keeps every byte: the pieces it returns are
// adjoining and cover its input. A piece is never empty.
// Not here: which model uses which splitters (pre_tokenizer.cpp), merges.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/error.h"

namespace hearth::text {

class Splitter {
 public:
  virtual ~Splitter() = default;
  // Appends the end of each piece, counted from the start of `text`, plus `offset`. text is not empty.
  virtual void split(std::string_view text, size_t offset, std::vector<size_t>* ends) const = 0;
};

// Hand-written equivalents of the published patterns.
enum class KnownSplit {
  kGpt2,           // 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  kGpt2Digits,     // every \p{N} on its own, the rest as kGpt2
  kLlama3,         // (?i:'s|...)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
  kQwen2,          // the same with \p{N}
  kSingleNumbers,  // every \p{N} on its own
};
std::unique_ptr<Splitter> make_known_splitter(KnownSplit split);

enum class SplitBehaviour {
  kIsolated,            // matches and what lies between them are pieces
  kMergedWithPrevious,  // a match belongs to the piece before it
  kMergedWithNext,
};

// Any other pattern, by PCRE2 with Unicode properties. `\s` means White_Space, as where these patterns come from.
// With `literal` the pattern is plain text. Errors: kUnsupported (the pattern does not compile; says where).
Result<std::unique_ptr<Splitter>> make_regex_splitter(std::string_view pattern, SplitBehaviour behaviour, bool literal);

// Runs the splitters one after the other, each on the pieces of the one before.
class SplitterChain {
 public:
  void add(std::unique_ptr<Splitter> splitter) { splitters_.push_back(std::move(splitter)); }
  bool empty() const { return splitters_.empty(); }
  // Ends of the final pieces; `scratch` is working memory that the caller may reuse.
  void split(std::string_view text, std::vector<size_t>* ends, std::vector<size_t>* scratch) const;

 private:
  std::vector<std::unique_ptr<Splitter>> splitters_;
};

}  // namespace hearth::text
