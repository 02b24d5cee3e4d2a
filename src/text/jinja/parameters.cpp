// Binding of call arguments; see parameters.h.
#include "text/jinja/parameters.h"

#include "text/jinja/template_error.h"

namespace hearth::text::jinja {

Parameters::Parameters(Arguments& arguments, const char* function, std::initializer_list<const char*> names,
                       size_t required)
    : values_(names.size()), function_(function) {
  const std::string prefix = std::string(function) + "() ";
  if (arguments.positional.size() > names.size()) {
    fail(prefix + "takes at most " + std::to_string(names.size()) + " arguments (" +
         std::to_string(arguments.positional.size()) + " given)");
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) values_[i] = arguments.positional[i];
  for (auto& [name, value] : arguments.keywords) {
    size_t i = 0;
    while (i < names.size() && name != names.begin()[i]) ++i;
    if (i == names.size()) fail(prefix + "got an unexpected keyword argument '" + name + "'");
    if (has(i)) fail(prefix + "got multiple values for argument '" + name + "'");
    values_[i] = value;
  }
  for (size_t i = 0; i < required; ++i) {
    const char* name = names.begin()[i];
    if (!has(i)) fail(prefix + "missing a required argument: '" + std::string(name[0] == '/' ? name + 1 : name) + "'");
  }
}

std::string_view Parameters::text(size_t i, const char* what) const {
  if (!values_[i].is_string()) {
    fail(std::string(function_) + "(): " + what + " must be str, not " + type_name(values_[i]));
  }
  return values_[i].text();
}

}  // namespace hearth::text::jinja
