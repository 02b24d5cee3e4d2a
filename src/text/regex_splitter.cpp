// Splitters for patterns without a hand-written equivalent, on PCRE2's JIT.
//
// Contract: see splitter.h. Matching has a step limit; where a hostile pattern exceeds it the rest of the text stays one
// piece, so that encoding always ends. PCRE2 needs valid UTF-8: each invalid byte is shown to it as a control character.
// Not here: known patterns (splitter.cpp).
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>

#include "text/splitter.h"
#include "text/unicode.h"

namespace hearth::text {

namespace {

constexpr uint32_t kMatchLimit = 4'000'000;
constexpr size_t kMaxPatternBytes = 1 << 16;

struct CodeFree {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct MatchDataFree {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct MatchContextFree {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

std::string quoted(std::string_view literal) {
  std::string out;
  for (const char c : literal) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (!plain) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

// PCRE2's \s adds U+180E, which is no white space since Unicode 6.3.
std::string with_unicode_space(std::string_view pattern) {
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '\\' || i + 1 == pattern.size()) {
      out.push_back(pattern[i]);
      continue;
    }
    const char next = pattern[++i];
    if (next == 's') {
      out += "\\p{wspace}";
    } else if (next == 'S') {
      out += "\\P{wspace}";
    } else {
      out.push_back('\\');
      out.push_back(next);
    }
  }
  return out;
}

std::string with_placeholders(std::string_view text) {
  std::string out(text);
  for (size_t i = 0; i < out.size();) {
    const DecodedChar c = decode_char(text, i);
    if (c.code_point == kInvalidChar) out[i] = '\x01';
    i += c.length;
  }
  return out;
}

class RegexSplitter : public Splitter {
 public:
  RegexSplitter(pcre2_code* code, SplitBehaviour behaviour) : code_(code), behaviour_(behaviour) {
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // without JIT the interpreter gives the same matches
    context_.reset(pcre2_match_context_create(nullptr));
    if (context_) pcre2_set_match_limit(context_.get(), kMatchLimit);
  }

  void split(std::string_view text, size_t offset, std::vector<size_t>* ends) const override {
    if (is_valid_utf8(text)) {
      split_valid(text, offset, ends);
    } else {
      split_valid(with_placeholders(text), offset, ends);
    }
  }

 private:
  void split_valid(std::string_view text, size_t offset, std::vector<size_t>* ends) const {
    const std::unique_ptr<pcre2_match_data, MatchDataFree> data(pcre2_match_data_create(1, nullptr));
    size_t begin = 0;  // of the piece that is being collected
    const auto cut = [&](size_t end) {
      if (end > begin) ends->push_back(offset + end);
      begin = std::max(begin, end);
    };
    size_t from = 0;
    while (data && from <= text.size()) {
      const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
      int found = pcre2_match(code_.get(), subject, text.size(), from, PCRE2_NO_UTF_CHECK, data.get(), context_.get());
      if (found == PCRE2_ERROR_JIT_STACKLIMIT) {
        found = pcre2_match(code_.get(), subject, text.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data.get(),
                            context_.get());
      }
      if (found < 0) break;
      const size_t* match = pcre2_get_ovector_pointer(data.get());
      if (match[1] <= match[0]) {  // an empty match cuts nothing
        if (match[0] >= text.size()) break;
        from = match[0] + decode_char(text, match[0]).length;
        continue;
      }
      if (behaviour_ != SplitBehaviour::kMergedWithPrevious) cut(match[0]);
      if (behaviour_ != SplitBehaviour::kMergedWithNext) cut(match[1]);
      from = match[1];
    }
    cut(text.size());
  }

  std::unique_ptr<pcre2_code, CodeFree> code_;
  std::unique_ptr<pcre2_match_context, MatchContextFree> context_;
  SplitBehaviour behaviour_;
};

}  // namespace

Result<std::unique_ptr<Splitter>> make_regex_splitter(std::string_view pattern, SplitBehaviour behaviour, bool literal) {
  if (pattern.size() > kMaxPatternBytes || !is_valid_utf8(pattern)) {
    return Error{ErrorCode::kUnsupported, "a word pattern of the tokenizer is too long or not UTF-8"};
  }
  const std::string source = literal ? quoted(pattern) : with_unicode_space(pattern);
  int error = 0;
  size_t position = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(), PCRE2_UTF | PCRE2_UCP,
                                   &error, &position, nullptr);
  if (code == nullptr) {
    std::array<PCRE2_UCHAR, 256> message{};
    pcre2_get_error_message(error, message.data(), message.size());
    return Error{ErrorCode::kUnsupported, "the word pattern \"" + std::string(pattern.substr(0, 200)) + "\" is not understood: " +
                                              reinterpret_cast<const char*>(message.data()) + " at byte " +
                                              std::to_string(position)};
  }
  return std::unique_ptr<Splitter>(std::make_unique<RegexSplitter>(code, behaviour));
}

}  // namespace hearth::text
