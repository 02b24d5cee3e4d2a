// A grammar of a list: the text is exactly one of the given ones.
//
// Contract: pure. Errors: no choices, an empty one, too many bytes.
// Not here: other grammars.
#pragma once

#include <string>
#include <vector>

#include "hearth/error.h"
#include "text/grammar/rules.h"

namespace hearth::text::grammar {

Result<Rules> compile_choices(const std::vector<std::string>& choices);

}  // namespace hearth::text::grammar
