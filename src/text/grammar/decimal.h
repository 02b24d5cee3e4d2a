// Decimal numbers as written in schemas, and the languages of JSON numbers within bounds: exact, without floating point.
//
// Contract: pure. Numbers whose plain notation needs more than kMaxPlainDigits are refused by to_decimal().
// Not here: which keywords bound what (schema_number.cpp).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "text/grammar/regex.h"

namespace hearth::text::grammar {

inline constexpr size_t kMaxPlainDigits = 400;

struct Decimal {
  bool negative = false;
  std::string integer = "0";  // no leading zeros
  std::string fraction;       // no trailing zeros
  bool is_zero() const { return integer == "0" && fraction.empty(); }
};

std::optional<Decimal> to_decimal(std::string_view number);
int compare(const Decimal& left, const Decimal& right);
// Of JSON numbers; by their texts where one of them is out of range.
int compare_numbers(std::string_view left, std::string_view right);
std::string to_text(const Decimal& value);

struct Bound {
  Decimal value;
  bool strict = false;
};
struct NumberBounds {
  std::optional<Bound> low, high;
};
// JSON numbers within the bounds: no exponents where there are bounds, and always few enough digits for a double to keep
// them apart.
RegexId number_language(RegexArena* arena, const NumberBounds& bounds, bool integers_only);

}  // namespace hearth::text::grammar
