// Markup out of text, text into URLs: what striptags and urlencode do. Pure functions.
//
// Contract: character references are decoded for the names HTML authors use (the ASCII and Latin-1 set) and all numeric
// forms. Not here: escaping (operators.h).
#pragma once

#include <string>
#include <string_view>

namespace hearth::text::jinja {

std::string remove_tags(std::string_view text);     // <...> and <!-- ... -->
std::string collapse_space(std::string_view text);  // runs of white space become one blank
std::string unescape_html(std::string_view text);
std::string quote_url(std::string_view text, bool for_query);

}  // namespace hearth::text::jinja
