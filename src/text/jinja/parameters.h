// Binds the arguments of a call to named parameters, as Python does.
//
// Contract: an absent argument is kMissing; too many, unknown, double or absent required ones fail with a message that
// names the function. Not here: what the arguments mean.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "text/jinja/value.h"

namespace hearth::text::jinja {

class Parameters {
 public:
  // The first `required` of the names must be given. Names that start with '/' are positional only.
  Parameters(Arguments& arguments, const char* function, std::initializer_list<const char*> names, size_t required = 0);
  const Value& operator[](size_t i) const { return values_[i]; }
  bool has(size_t i) const { return !values_[i].is_missing(); }
  bool has_some(size_t i) const { return has(i) && !values_[i].is_none(); }
  std::string_view text(size_t i, const char* what) const;  // must be a string
  Value take(size_t i) { return std::move(values_[i]); }

 private:
  std::vector<Value> values_;
  const char* function_;
};

}  // namespace hearth::text::jinja
