// The arguments of a tool each between marks of its own: <parameter=NAME> VALUE </parameter>.
//
// Contract: strings are written as they are, everything else as JSON; what a schema says of a string is kept. Errors
// (kUnsupported) where properties do not stand at the schema's top.
// Not here: arguments as one JSON object (text/grammar/schema.h).
#pragma once

#include <string_view>

#include "hearth/error.h"
#include "text/grammar/rules.h"

namespace hearth::text::tools {

Result<grammar::ExpressionId> add_parameters(grammar::Rules* rules, std::string_view schema);

}  // namespace hearth::text::tools
