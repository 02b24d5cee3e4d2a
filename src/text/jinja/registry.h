// The filters and tests that a template can name.
//
// Contract: the lists hold what jinja2 has built in, with tojson as transformers defines it; pprint, random, urlize and
// wordwrap are absent. Entries live as long as the program. Not here: what each does (filters_*.cpp, tests.cpp).
#pragma once

#include <span>
#include <string_view>

#include "text/jinja/value.h"

namespace hearth::text::jinja {

struct FilterEntry {
  std::string_view name;
  Value (*apply)(Interpreter& interpreter, const Value& subject, Arguments& arguments);
};

struct TestEntry {
  std::string_view name;
  bool (*holds)(Interpreter& interpreter, const Value& subject, Arguments& arguments);
};

const FilterEntry* find_filter(std::string_view name);  // null if there is none
const TestEntry* find_test(std::string_view name);

std::span<const FilterEntry> text_filters();
std::span<const FilterEntry> sequence_filters();
std::span<const FilterEntry> lazy_filters();
std::span<const FilterEntry> value_filters();
std::span<const TestEntry> builtin_tests();

}  // namespace hearth::text::jinja
