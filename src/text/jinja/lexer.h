// Jinja source -> tokens, as jinja2's lexer does with trim_blocks and lstrip_blocks on.
//
// Contract: comments and insignificant white space are gone, raw blocks are data, newlines are \n, strings are
// unescaped. Throws TemplateError with the line. Not here: grammar (parser.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/value.h"

namespace hearth::text::jinja {

enum class TokenKind : uint8_t {
  kEnd,
  kData,
  kVariableBegin,
  kVariableEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kAdd,
  kSub,
  kDiv,
  kFloorDiv,
  kMul,
  kMod,
  kPow,
  kTilde,
  kLeftBracket,
  kRightBracket,
  kLeftParen,
  kRightParen,
  kLeftBrace,
  kRightBrace,
  kEqual,
  kNotEqual,
  kGreater,
  kGreaterEqual,
  kLess,
  kLessEqual,
  kAssign,
  kDot,
  kColon,
  kPipe,
  kComma,
  kSemicolon,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  int line = 1;
  std::string text;  // data, name, string
  Integer integer = 0;
  double real = 0;
};

std::vector<Token> tokenize(std::string_view source);
std::string describe(const Token& token);
std::string_view describe(TokenKind kind);

}  // namespace hearth::text::jinja
