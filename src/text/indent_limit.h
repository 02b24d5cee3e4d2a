// Ends an answer at the first line that is indented too little, as completion of a block of code wants it.
//
// Contract: lines after the first must begin with so many blanks or tabs, blank lines included. The answer ends before what
// follows the indentation of the line that does not. Pieces may be cut anywhere. Not here: stop strings.
#pragma once

#include <cstdint>
#include <string>

namespace hearth::text {

class IndentLimit {
 public:
  explicit IndentLimit(int64_t least) : least_(least) {}  // 0: no limit

  // Takes from the piece what comes after the end. True once the answer has ended.
  bool cut(std::string* piece) {
    if (least_ <= 0 || ended_) return ended_;
    for (size_t i = 0; i < piece->size(); ++i) {
      const char c = (*piece)[i];
      if (indenting_ && (c == ' ' || c == '\t')) {
        ++indent_;
      } else if (indenting_ && indent_ < least_) {
        piece->resize(i);
        return ended_ = true;
      } else {
        indenting_ = c == '\n';
        indent_ = 0;
      }
    }
    return false;
  }

 private:
  const int64_t least_;
  int64_t indent_ = 0;
  bool indenting_ = false;  // in the blanks of a line that is not the first
  bool ended_ = false;
};

}  // namespace hearth::text
