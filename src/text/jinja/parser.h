// Tokens -> tree, with the grammar of jinja2's parser plus loop controls and the generation tag.
//
// Contract: throws TemplateError with the line; depth is limited by kMaxParserDepth. include, import, from and extends
// parse into statements that are refused when they are reached: a chat template stands alone.
// Not here: binding of names (scope.h).
#pragma once

#include <string_view>

#include "text/jinja/ast.h"

namespace hearth::text::jinja {

TemplateTree parse(std::string_view source);

}  // namespace hearth::text::jinja
