// Tokens of a template; see lexer.h. The rules mirror the regular expressions of jinja2/lexer.py one by one.
#include "text/jinja/lexer.h"

#include <cstdlib>

#include "text/jinja/string_literal.h"
#include "text/jinja/template_error.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

struct Operator {
  std::string_view text;
  TokenKind kind;
};

constexpr Operator kOperators[] = {
    {"//", TokenKind::kFloorDiv},   {"**", TokenKind::kPow},          {"==", TokenKind::kEqual},
    {"!=", TokenKind::kNotEqual},   {">=", TokenKind::kGreaterEqual}, {"<=", TokenKind::kLessEqual},
    {"+", TokenKind::kAdd},         {"-", TokenKind::kSub},           {"/", TokenKind::kDiv},
    {"*", TokenKind::kMul},         {"%", TokenKind::kMod},           {"~", TokenKind::kTilde},
    {"[", TokenKind::kLeftBracket}, {"]", TokenKind::kRightBracket},  {"(", TokenKind::kLeftParen},
    {")", TokenKind::kRightParen},  {"{", TokenKind::kLeftBrace},     {"}", TokenKind::kRightBrace},
    {">", TokenKind::kGreater},     {"<", TokenKind::kLess},          {"=", TokenKind::kAssign},
    {".", TokenKind::kDot},         {":", TokenKind::kColon},         {"|", TokenKind::kPipe},
    {",", TokenKind::kComma},       {";", TokenKind::kSemicolon},
};

bool is_ascii_digit(char c) {
  return c >= '0' && c <= '9';
}

// \r\n and \r become \n; one newline at the very end is dropped.
std::string normalize_newlines(std::string_view source) {
  std::string result;
  result.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
      result.push_back('\n');
    } else {
      result.push_back(source[i]);
    }
  }
  if (!result.empty() && result.back() == '\n') result.pop_back();
  return result;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalize_newlines(source)), text_(source_) {}

  std::vector<Token> run() {
    while (position_ < text_.size()) root();
    emit(TokenKind::kEnd);
    return std::move(tokens_);
  }

 private:
  bool at(std::string_view what, size_t position) const { return text_.substr(position, what.size()) == what; }

  int line_at(size_t position) {
    for (; counted_ < position; ++counted_) line_ += text_[counted_] == '\n';
    return line_;
  }

  [[noreturn]] void fail_at(size_t position, std::string message) {
    throw TemplateError{ErrorCode::kCorrupt, std::move(message), line_at(std::min(position, text_.size()))};
  }

  Token& emit(TokenKind kind) {
    tokens_.emplace_back();
    tokens_.back().kind = kind;
    tokens_.back().line = line_at(position_);
    return tokens_.back();
  }

  size_t skip_space(size_t position) const {
    while (position < text_.size()) {
      size_t next = position;
      if (!is_space(decode(text_, &next))) break;
      position = next;
    }
    return position;
  }

  // Template text up to the next tag, then the tag itself.
  void root() {
    size_t tag = position_;
    for (;; ++tag) {
      tag = text_.find('{', tag);
      if (tag == std::string_view::npos || tag + 1 >= text_.size()) {
        emit_data(text_.substr(position_));
        position_ = text_.size();
        return;
      }
      const char next = text_[tag + 1];
      if (next == '%' || next == '{' || next == '#') break;
    }
    const char type = text_[tag + 1];
    const char sign = tag + 2 < text_.size() && (text_[tag + 2] == '-' || text_[tag + 2] == '+') ? text_[tag + 2] : 0;
    std::string_view data = text_.substr(position_, tag - position_);
    if (sign == '-') {
      data = strip_right(data);
    } else if (sign != '+' && type != '{') {
      data = strip_line_start(data);
    }
    emit_data(data);
    position_ = tag;
    const size_t body = tag + 2 + (sign != 0);
    size_t raw_body = 0;
    if (type == '#') {
      comment(body);
    } else if (type == '%' && raw_begins(body, &raw_body)) {
      raw(raw_body);
    } else {
      emit(type == '%' ? TokenKind::kBlockBegin : TokenKind::kVariableBegin);
      position_ = body;
      inside(type == '%');
    }
  }

  // lstrip_blocks: blanks between the start of a line and a block tag go.
  std::string_view strip_line_start(std::string_view data) const {
    const size_t newline = data.rfind('\n');
    const size_t start = newline == std::string_view::npos ? 0 : newline + 1;
    if (start == 0 && !line_starting_) return data;
    const std::string_view blanks = data.substr(start);
    return strip(blanks).empty() ? data.substr(0, start) : data;
  }

  void emit_data(std::string_view data) {
    if (!data.empty()) emit(TokenKind::kData).text = data;
  }

  // The end of a block tag at `position`: its length with what the tag swallows after it, or 0.
  size_t block_end_length(size_t position, std::string_view bare_end) const {
    const std::string end(bare_end);
    if (at("+" + end, position)) return 1 + end.size();
    if (at("-" + end, position)) return skip_space(position + 1 + end.size()) - position;
    if (!at(end, position)) return 0;
    return end.size() + (at("\n", position + end.size()) ? 1 : 0);  // trim_blocks
  }

  void consume_to(size_t position) {
    line_starting_ = text_[position - 1] == '\n';
    position_ = position;
  }

  void comment(size_t body) {
    for (size_t i = body; i < text_.size(); ++i) {
      const size_t length = block_end_length(i, "#}");
      if (length == 0) continue;
      consume_to(i + length);
      return;
    }
    fail_at(position_, "Missing end of comment tag");
  }

  bool raw_begins(size_t body, size_t* raw_body) const {
    size_t i = skip_space(body);
    if (!at("raw", i)) return false;
    i = skip_space(i + 3);
    if (at("-%}", i)) {
      *raw_body = skip_space(i + 3);
      return true;
    }
    *raw_body = i + 2;
    return at("%}", i);
  }

  void raw(size_t body) {
    line_starting_ = text_[body - 1] == '\n';
    for (size_t i = text_.find("{%", body); i != std::string_view::npos; i = text_.find("{%", i + 1)) {
      size_t after = i + 2;
      const char sign = after < text_.size() && (text_[after] == '-' || text_[after] == '+') ? text_[after] : 0;
      after = skip_space(after + (sign != 0));
      if (!at("endraw", after)) continue;
      after = skip_space(after + 6);
      const size_t length = block_end_length(after, "%}");
      if (length == 0) continue;
      std::string_view data = text_.substr(body, i - body);
      if (sign == '-') {
        data = strip_right(data);
      } else if (sign != '+') {
        data = strip_line_start(data);
      }
      emit_data(data);
      consume_to(after + length);
      return;
    }
    fail_at(position_, "Missing end of raw directive");
  }

  // The inside of {{ }} or {% %}.
  void inside(bool block) {
    balance_.clear();
    while (true) {
      if (position_ >= text_.size()) return;  // the parser reports the end of the template
      if (balance_.empty() && tag_ends(block)) return;
      const size_t start = position_;
      const size_t space = skip_space(position_);
      if (space != position_) {
        position_ = space;
        continue;
      }
      if (!number() && !name() && !string() && !operation()) {
        size_t end = start;
        decode(text_, &end);
        fail_at(start, "unexpected char '" + std::string(text_.substr(start, end - start)) + "'");
      }
    }
  }

  bool tag_ends(bool block) {
    size_t length = 0;
    if (block) {
      length = block_end_length(position_, "%}");
    } else if (at("-}}", position_)) {
      length = skip_space(position_ + 3) - position_;
    } else if (at("}}", position_)) {
      length = 2;
    }
    if (length == 0) return false;
    emit(block ? TokenKind::kBlockEnd : TokenKind::kVariableEnd);
    consume_to(position_ + length);
    return true;
  }

  // \d+ with single underscores between digits.
  size_t digits(size_t i) const {
    if (i >= text_.size() || !is_ascii_digit(text_[i])) return i;
    while (i < text_.size()) {
      if (is_ascii_digit(text_[i])) {
        ++i;
      } else if (text_[i] == '_' && i + 1 < text_.size() && is_ascii_digit(text_[i + 1])) {
        i += 2;
      } else {
        break;
      }
    }
    return i;
  }

  size_t float_end() const {
    if (position_ > 0 && text_[position_ - 1] == '.') return 0;
    const size_t whole = digits(position_);
    size_t i = whole;
    bool is_float = false;
    if (at(".", i) && digits(i + 1) > i + 1) {
      i = digits(i + 1);
      is_float = true;
    }
    if (i < text_.size() && (text_[i] == 'e' || text_[i] == 'E')) {
      const size_t sign = i + 1 < text_.size() && (text_[i + 1] == '+' || text_[i + 1] == '-') ? 1 : 0;
      const size_t exponent = digits(i + 1 + sign);
      if (exponent > i + 1 + sign) return exponent;
    }
    return is_float ? i : 0;
  }

  size_t integer_end(int* base) const {
    const auto run = [&](size_t i, auto accepted) {
      while (i < text_.size()) {
        const size_t skip = text_[i] == '_' ? 1 : 0;
        if (i + skip >= text_.size() || !accepted(text_[i + skip])) break;
        i += skip + 1;
      }
      return i;
    };
    const size_t start = position_;
    *base = 10;
    if (text_[start] == '0' && start + 1 < text_.size()) {
      const char mark = static_cast<char>(text_[start + 1] | 0x20);
      *base = mark == 'b' ? 2 : mark == 'o' ? 8 : mark == 'x' ? 16 : 10;
      const auto accepted = [&](char c) {
        const char low = static_cast<char>(c | 0x20);
        return (c >= '0' && c < '0' + std::min(*base, 10)) || (*base == 16 && low >= 'a' && low <= 'f');
      };
      if (*base != 10) {
        const size_t end = run(start + 2, accepted);
        if (end > start + 2) return end;
        *base = 10;
      }
    }
    if (text_[start] == '0') return run(start + 1, [](char c) { return c == '0'; });
    return run(start, is_ascii_digit);
  }

  bool number() {
    if (!is_ascii_digit(text_[position_])) return false;
    size_t end = float_end();
    const size_t start = position_;
    if (end != 0) {
      std::string clean;
      for (char c : text_.substr(start, end - start)) {
        if (c != '_') clean.push_back(c);
      }
      emit(TokenKind::kFloat).real = std::strtod(clean.c_str(), nullptr);
      position_ = end;
      return true;
    }
    int base = 10;
    end = integer_end(&base);
    Integer value = 0;
    for (size_t i = start + (base == 10 ? 0 : 2); i < end; ++i) {
      const char c = text_[i];
      if (c == '_') continue;
      const int digit = is_ascii_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
      if (__builtin_mul_overflow(value, static_cast<Integer>(base), &value) ||
          __builtin_add_overflow(value, static_cast<Integer>(digit), &value)) {
        fail_at(start, "an integer is too large (the limit is 127 bits)");
      }
    }
    emit(TokenKind::kInteger).integer = value;
    position_ = end;
    return true;
  }

  bool name() {
    size_t end = position_;
    while (end < text_.size()) {
      size_t next = end;
      const char32_t c = decode(text_, &next);
      if (!is_word(c)) break;
      end = next;
    }
    if (end == position_) return false;
    const std::string_view word = text_.substr(position_, end - position_);
    if (!is_identifier(word)) fail_at(position_, "Invalid character in identifier");
    emit(TokenKind::kName).text = word;
    position_ = end;
    return true;
  }

  bool string() {
    const char quote = text_[position_];
    if (quote != '\'' && quote != '"') return false;
    size_t i = position_ + 1;
    while (i < text_.size() && text_[i] != quote) i += text_[i] == '\\' ? 2 : 1;
    if (i >= text_.size()) return false;
    const std::string_view body = text_.substr(position_ + 1, i - position_ - 1);
    try {
      emit(TokenKind::kString).text = unescape_string(body);
    } catch (TemplateError& error) {
      fail_at(position_, error.message);
    }
    position_ = i + 1;
    return true;
  }

  bool operation() {
    for (const Operator& op : kOperators) {
      if (!at(op.text, position_)) continue;
      if (op.text.size() == 1) check_balance(op.text[0]);
      emit(op.kind);
      position_ += op.text.size();
      return true;
    }
    return false;
  }

  void check_balance(char c) {
    if (c == '{') balance_.push_back('}');
    if (c == '(') balance_.push_back(')');
    if (c == '[') balance_.push_back(']');
    if (c != '}' && c != ')' && c != ']') return;
    if (balance_.empty()) fail_at(position_, std::string("unexpected '") + c + "'");
    const char expected = balance_.back();
    balance_.pop_back();
    if (c != expected) fail_at(position_, std::string("unexpected '") + c + "', expected '" + expected + "'");
  }

  const std::string source_;
  const std::string_view text_;
  size_t position_ = 0;
  size_t counted_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::string balance_;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) {
  return Lexer(source).run();
}

std::string_view describe(TokenKind kind) {
  for (const Operator& op : kOperators) {
    if (op.kind == kind) return op.text;
  }
  switch (kind) {
    case TokenKind::kEnd:
      return "end of template";
    case TokenKind::kData:
      return "template data / text";
    case TokenKind::kVariableBegin:
      return "begin of print statement";
    case TokenKind::kVariableEnd:
      return "end of print statement";
    case TokenKind::kBlockBegin:
      return "begin of statement block";
    case TokenKind::kBlockEnd:
      return "end of statement block";
    case TokenKind::kName:
      return "name";
    case TokenKind::kString:
      return "string";
    case TokenKind::kInteger:
      return "integer";
    default:
      return "float";
  }
}

std::string describe(const Token& token) {
  return token.kind == TokenKind::kName ? token.text : std::string(describe(token.kind));
}

}  // namespace hearth::text::jinja
