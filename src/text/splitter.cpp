// Hand-written splitters for the common patterns.
//
// Contract: see splitter.h. Each follows its regular expression alternative by alternative, in one pass without
// backtracking over more than one run of white space.
// Not here: other patterns (regex_splitter.cpp).
#include "text/splitter.h"

#include "text/unicode.h"

namespace hearth::text {

namespace {

size_t skip_class(std::string_view text, size_t i, CharClass wanted) {
  while (i < text.size()) {
    const ClassedChar c = classed_char(text, i);
    if (c.char_class != wanted) break;
    i += c.length;
  }
  return i;
}

bool is_other(CharClass c) {  // [^\s\p{L}\p{N}]
  return c != CharClass::kSpace && c != CharClass::kLetter && c != CharClass::kNumber;
}

size_t skip_others(std::string_view text, size_t i) {
  while (i < text.size()) {
    const ClassedChar c = classed_char(text, i);
    if (!is_other(c.char_class)) break;
    i += c.length;
  }
  return i;
}

// End of 's|'t|'re|'ve|'m|'ll|'d after the apostrophe at i, or i. Lower case only, or any case.
size_t contraction_end(std::string_view text, size_t i, bool any_case) {
  if (i + 1 >= text.size()) return i;
  // Case folding makes U+017F, the long s, an s.
  if (any_case && text.substr(i + 1, 2) == "\xC5\xBF") return i + 3;
  const auto at = [&](size_t k) -> char {
    const char c = k < text.size() ? text[k] : '\0';
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  };
  const char first = at(i + 1), second = at(i + 2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return i + 2;
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l')) return i + 3;
  return i;
}

struct SpaceRun {
  size_t end;           // of the run
  size_t last_begin;    // where its last character begins
  size_t newline_end;   // just past its last \r or \n; 0 if it has none
};

SpaceRun space_run(std::string_view text, size_t i) {
  SpaceRun run{i, i, 0};
  while (run.end < text.size()) {
    const ClassedChar c = classed_char(text, run.end);
    if (c.char_class != CharClass::kSpace) break;
    run.last_begin = run.end;
    run.end += c.length;
    if (text[run.last_begin] == '\n' || text[run.last_begin] == '\r') run.newline_end = run.end;
  }
  return run;
}

// \s+(?!\S)|\s+ : all of the run at the end of the text or when it is one character, else all but its last character.
size_t space_piece_end(const SpaceRun& run, size_t begin, bool at_end) {
  return at_end || run.last_begin == begin ? run.end : run.last_begin;
}

class Gpt2Splitter : public Splitter {
 public:
  explicit Gpt2Splitter(bool single_numbers) : single_numbers_(single_numbers) {}

  void split(std::string_view text, size_t offset, std::vector<size_t>* ends) const override {
    for (size_t i = 0; i < text.size();) {
      i = piece_end(text, i);
      ends->push_back(offset + i);
    }
  }

 private:
  size_t piece_end(std::string_view text, size_t i) const {
    if (text[i] == '\'') {
      const size_t end = contraction_end(text, i, false);
      if (end != i) return end;
    }
    ClassedChar c = classed_char(text, i);
    size_t start = i;
    if (text[i] == ' ' && i + 1 < text.size()) {
      const ClassedChar next = classed_char(text, i + 1);
      if (next.char_class != CharClass::kSpace && !(single_numbers_ && next.char_class == CharClass::kNumber)) {
        start = i + 1;
        c = next;
      }
    }
    switch (c.char_class) {
      case CharClass::kLetter:
        return skip_class(text, start + c.length, CharClass::kLetter);
      case CharClass::kNumber:
        return single_numbers_ ? start + c.length : skip_class(text, start + c.length, CharClass::kNumber);
      case CharClass::kSpace: {
        const SpaceRun run = space_run(text, i);
        // Numbers are cut out first, so that one ends the text for the white space before it.
        const bool at_end = run.end == text.size() ||
                            (single_numbers_ && classed_char(text, run.end).char_class == CharClass::kNumber);
        return space_piece_end(run, i, at_end);
      }
      default:
        return skip_others(text, start + c.length);
    }
  }

  bool single_numbers_;
};

class Llama3Splitter : public Splitter {
 public:
  explicit Llama3Splitter(size_t numbers) : numbers_(numbers) {}

  void split(std::string_view text, size_t offset, std::vector<size_t>* ends) const override {
    for (size_t i = 0; i < text.size();) {
      i = piece_end(text, i);
      ends->push_back(offset + i);
    }
  }

 private:
  size_t piece_end(std::string_view text, size_t i) const {
    const char byte = text[i];
    if (byte == '\'') {
      const size_t end = contraction_end(text, i, true);
      if (end != i) return end;
    }
    const ClassedChar c = classed_char(text, i);
    if (c.char_class == CharClass::kLetter) return skip_class(text, i + c.length, CharClass::kLetter);
    if (c.char_class == CharClass::kNumber) {
      size_t end = i + c.length;
      for (size_t k = 1; k < numbers_ && end < text.size(); ++k) {
        const ClassedChar next = classed_char(text, end);
        if (next.char_class != CharClass::kNumber) break;
        end += next.length;
      }
      return end;
    }
    const size_t after = i + c.length;
    if (byte != '\r' && byte != '\n' && after < text.size() &&
        classed_char(text, after).char_class == CharClass::kLetter) {
      return skip_class(text, after, CharClass::kLetter);
    }
    size_t others = i;
    if (byte == ' ' && after < text.size() && is_other(classed_char(text, after).char_class)) others = after;
    if (others != i || is_other(c.char_class)) {
      size_t end = skip_others(text, others);
      while (end < text.size() && (text[end] == '\r' || text[end] == '\n')) ++end;
      return end;
    }
    const SpaceRun run = space_run(text, i);
    if (run.newline_end != 0) return run.newline_end;
    return space_piece_end(run, i, run.end == text.size());
  }

  size_t numbers_;  // longest run of numbers in one piece
};

class SingleNumberSplitter : public Splitter {
 public:
  void split(std::string_view text, size_t offset, std::vector<size_t>* ends) const override {
    size_t begin = 0;
    for (size_t i = 0; i < text.size();) {
      const ClassedChar c = classed_char(text, i);
      const size_t end = i + c.length;
      if (c.char_class == CharClass::kNumber) {
        if (begin < i) ends->push_back(offset + i);
        ends->push_back(offset + end);
        begin = end;
      }
      i = end;
    }
    if (begin < text.size()) ends->push_back(offset + text.size());
  }
};

}  // namespace

std::unique_ptr<Splitter> make_known_splitter(KnownSplit split) {
  switch (split) {
    case KnownSplit::kGpt2: return std::make_unique<Gpt2Splitter>(false);
    case KnownSplit::kGpt2Digits: return std::make_unique<Gpt2Splitter>(true);
    case KnownSplit::kLlama3: return std::make_unique<Llama3Splitter>(3);
    case KnownSplit::kQwen2: return std::make_unique<Llama3Splitter>(1);
    case KnownSplit::kSingleNumbers: break;
  }
  return std::make_unique<SingleNumberSplitter>();
}

void SplitterChain::split(std::string_view text, std::vector<size_t>* ends, std::vector<size_t>* scratch) const {
  ends->clear();
  if (text.empty()) return;
  if (splitters_.empty()) {
    ends->push_back(text.size());
    return;
  }
  splitters_.front()->split(text, 0, ends);
  for (size_t k = 1; k < splitters_.size(); ++k) {
    scratch->swap(*ends);
    ends->clear();
    size_t begin = 0;
    for (const size_t end : *scratch) {
      splitters_[k]->split(text.substr(begin, end - begin), begin, ends);
      begin = end;
    }
  }
}

}  // namespace hearth::text
