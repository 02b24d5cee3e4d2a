// Binds every name of a tree to a variable slot, by jinja2's own scoping rules.
//
// Contract: mirrors jinja2/idtracking.py and the frame handling of jinja2/compiler.py, including which scope sees which
// assignment. Also finds filters and tests; an unknown one is an error here unless only an if guards it, then it is an
// error when reached. Throws TemplateError. Not here: the values of variables (interpreter.h).
#pragma once

#include "text/jinja/ast.h"

namespace hearth::text::jinja {

void bind_names(TemplateTree* tree);

}  // namespace hearth::text::jinja
