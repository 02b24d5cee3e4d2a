// Lookup of filters and tests by name; see registry.h.
#include "text/jinja/registry.h"

namespace hearth::text::jinja {

const FilterEntry* find_filter(std::string_view name) {
  for (const auto list : {text_filters(), sequence_filters(), lazy_filters(), value_filters()}) {
    for (const FilterEntry& entry : list) {
      if (entry.name == name) return &entry;
    }
  }
  return nullptr;
}

const TestEntry* find_test(std::string_view name) {
  for (const TestEntry& entry : builtin_tests()) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

}  // namespace hearth::text::jinja
