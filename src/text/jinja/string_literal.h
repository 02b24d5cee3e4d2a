// The escapes of a string literal, as Python's unicode-escape codec reads them.
//
// Contract: unknown escapes stay as written; a malformed \x, \u, \U or \N and a lone surrogate (which no UTF-8 output
// could hold) are errors. Not here: finding the end of the literal (lexer.cpp).
#pragma once

#include <string>
#include <string_view>

namespace hearth::text::jinja {

std::string unescape_string(std::string_view body);  // the text between the quotes

}  // namespace hearth::text::jinja
