// Whether a whole text is in one case, as str.isupper() and str.islower() decide it. Pure functions.
#pragma once

#include <string_view>

namespace hearth::text::jinja {

bool is_upper_text(std::string_view text);
bool is_lower_text(std::string_view text);

}  // namespace hearth::text::jinja
