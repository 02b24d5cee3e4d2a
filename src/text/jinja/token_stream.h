// The parser's view of the tokens: look, take, expect.
//
// Contract: errors name the line and both what was expected and what was there. Not here: grammar.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/lexer.h"
#include "text/jinja/template_error.h"

namespace hearth::text::jinja {

class TokenStream {
 public:
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}
  const Token& current() const { return tokens_[position_]; }
  const Token& look() const { return tokens_[std::min(position_ + 1, tokens_.size() - 1)]; }
  const Token& take() {
    const Token& token = tokens_[position_];
    if (position_ + 1 < tokens_.size()) ++position_;
    return token;
  }
  bool is(TokenKind kind) const { return current().kind == kind; }
  bool is_name(std::string_view name) const { return is(TokenKind::kName) && current().text == name; }
  bool skip_if(TokenKind kind) {
    if (!is(kind)) return false;
    take();
    return true;
  }
  bool skip_name(std::string_view name) {
    if (!is_name(name)) return false;
    take();
    return true;
  }
  const Token& expect(TokenKind kind) {
    if (!is(kind)) fail_expected(std::string(describe(kind)));
    return take();
  }
  void expect_name(std::string_view name) {
    if (!skip_name(name)) fail_expected(std::string(name));
  }
  [[noreturn]] void fail_at(int line, std::string message) const {
    throw TemplateError{ErrorCode::kCorrupt, std::move(message), line};
  }
  [[noreturn]] void fail_here(std::string message) const { fail_at(current().line, std::move(message)); }

 private:
  [[noreturn]] void fail_expected(const std::string& expected) const {
    if (is(TokenKind::kEnd)) fail_here("unexpected end of template, expected '" + expected + "'");
    fail_here("expected token '" + expected + "', got '" + describe(current()) + "'");
  }
  std::vector<Token> tokens_;
  size_t position_ = 0;
};

}  // namespace hearth::text::jinja
