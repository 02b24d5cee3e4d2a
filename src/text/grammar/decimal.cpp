// Comparison of decimals, and bounds as languages of digits.
//
// Contract: see decimal.h.
// Not here: multiples (RegexKind::kMultiple).
#include "text/grammar/decimal.h"

#include <algorithm>
#include <vector>

namespace hearth::text::grammar {

namespace {

constexpr size_t kIntegerDigits = 19, kFractionDigits = 15, kSafeDigits = 15;

int compare_magnitudes(const Decimal& left, const Decimal& right) {
  if (left.integer.size() != right.integer.size()) return left.integer.size() < right.integer.size() ? -1 : 1;
  if (const int order = left.integer.compare(right.integer); order != 0) return order < 0 ? -1 : 1;
  const int order = left.fraction.compare(right.fraction);
  return order == 0 ? 0 : order < 0 ? -1 : 1;
}

class Digits {
 public:
  explicit Digits(RegexArena* arena) : arena_(*arena) {}

  RegexId range(int first, int last) { return first > last ? kEmptyLanguage : arena_.bytes(ByteSet::range('0' + first, '0' + last)); }
  RegexId any(uint32_t low, uint32_t high) { return arena_.repeat(range(0, 9), low, high); }
  RegexId sequence(const std::vector<RegexId>& parts) { return arena_.concat(parts); }
  RegexId point(RegexId digits) { return arena_.concat(arena_.byte('.'), digits); }
  RegexId any_fraction() { return arena_.optional(point(any(1, kUnbounded))); }
  RegexId canonical(uint32_t low, uint32_t high) {  // integers of so many digits
    RegexId result = kEmptyLanguage;
    if (low <= 1) result = range(0, 0);
    return arena_.either(result, arena_.concat(range(1, 9), any(low == 0 ? 0 : low - 1, high == kUnbounded ? high : high - 1)));
  }

  // Integers on one side of `bound`: +1 above, -1 below.
  RegexId integers_beyond(const std::string& bound, int side) {
    const auto length = static_cast<uint32_t>(bound.size());
    std::vector<RegexId> parts;
    if (side > 0) parts.push_back(arena_.concat(range(1, 9), any(length, kUnbounded)));
    if (side < 0 && length > 1) parts.push_back(canonical(1, length - 1));
    for (uint32_t k = 0; k < length; ++k) {
      const int digit = bound[k] - '0';
      const int least = k == 0 && length > 1 ? 1 : 0;
      const RegexId other = side > 0 ? range(digit + 1, 9) : range(least, digit - 1);
      parts.push_back(sequence({arena_.literal(bound.substr(0, k)), other, any(length - k - 1, length - k - 1)}));
    }
    return arena_.either(std::move(parts));
  }

  // What may follow an integer that equals the bound's, so that the whole is not below it.
  RegexId fraction_at_least(const std::string& f, bool strict) {
    const RegexId some = sequence({any(0, kUnbounded), range(1, 9), any(0, kUnbounded)});
    if (f.empty()) return strict ? point(some) : any_fraction();
    std::vector<RegexId> parts;
    for (size_t k = 0; k < f.size(); ++k) {
      parts.push_back(sequence({arena_.literal(f.substr(0, k)), range(f[k] - '0' + 1, 9), any(0, kUnbounded)}));
    }
    parts.push_back(arena_.concat(arena_.literal(f), strict ? some : any(0, kUnbounded)));
    return point(arena_.either(std::move(parts)));
  }

  RegexId fraction_at_most(const std::string& f, bool strict) {
    const RegexId zeros = arena_.star(range(0, 0));
    if (f.empty()) return strict ? kEmptyLanguage : arena_.optional(point(arena_.concat(range(0, 0), zeros)));
    std::vector<RegexId> parts;
    for (size_t k = 0; k < f.size(); ++k) {
      if (k > 0) parts.push_back(arena_.literal(f.substr(0, k)));
      parts.push_back(sequence({arena_.literal(f.substr(0, k)), range(0, f[k] - '0' - 1), any(0, kUnbounded)}));
    }
    if (!strict) parts.push_back(arena_.concat(arena_.literal(f), zeros));
    return arena_.optional(point(arena_.either(std::move(parts))));
  }

  // Numbers without a sign, compared with the bound's magnitude.
  RegexId at_least(const Bound& bound) {
    return arena_.either(arena_.concat(integers_beyond(bound.value.integer, 1), any_fraction()),
                         arena_.concat(arena_.literal(bound.value.integer), fraction_at_least(bound.value.fraction, bound.strict)));
  }
  RegexId at_most(const Bound& bound) {
    return arena_.either(arena_.concat(integers_beyond(bound.value.integer, -1), any_fraction()),
                         arena_.concat(arena_.literal(bound.value.integer), fraction_at_most(bound.value.fraction, bound.strict)));
  }
  RegexId negative(RegexId magnitude) { return arena_.concat(arena_.byte('-'), magnitude); }
  RegexId any_magnitude() { return arena_.concat(canonical(1, kUnbounded), any_fraction()); }

  RegexId above(const Bound& low) {
    if (low.value.negative) return arena_.either(any_magnitude(), negative(at_most(low)));
    return at_least(low);
  }
  RegexId below(const Bound& high) {
    if (!high.value.negative && !high.value.is_zero()) return arena_.either(negative(any_magnitude()), at_most(high));
    const RegexId negatives = negative(at_least(high));
    return high.value.is_zero() && !high.strict ? arena_.either(negatives, at_most(high)) : negatives;
  }

 private:
  RegexArena& arena_;
};

}  // namespace

std::optional<Decimal> to_decimal(std::string_view number) {
  Decimal result;
  if (number.starts_with('-')) {
    result.negative = true;
    number.remove_prefix(1);
  }
  int64_t exponent = 0;
  const size_t e = number.find_first_of("eE");
  if (e != std::string_view::npos) {
    std::string_view digits = number.substr(e + 1);
    const bool minus = digits.starts_with('-');
    if (minus || digits.starts_with('+')) digits.remove_prefix(1);
    for (const char c : digits) exponent = std::min<int64_t>(exponent * 10 + (c - '0'), 1'000'000);
    if (minus) exponent = -exponent;
    number = number.substr(0, e);
  }
  const size_t point = std::min(number.find('.'), number.size());
  std::string digits(number.substr(0, point));
  if (point < number.size()) digits += number.substr(point + 1);
  int64_t place = static_cast<int64_t>(point) + exponent;  // digits before the point
  if (digits.find_first_not_of('0') == std::string::npos) return Decimal{};
  if (digits.size() > kMaxPlainDigits || place > static_cast<int64_t>(kMaxPlainDigits) || place < -static_cast<int64_t>(kMaxPlainDigits)) {
    return std::nullopt;
  }
  if (place < 0) {
    digits.insert(0, static_cast<size_t>(-place), '0');
    place = 0;
  }
  if (static_cast<size_t>(place) > digits.size()) digits.append(static_cast<size_t>(place) - digits.size(), '0');
  result.integer = digits.substr(0, static_cast<size_t>(place));
  result.fraction = digits.substr(static_cast<size_t>(place));
  result.integer.erase(0, std::min(result.integer.find_first_not_of('0'), result.integer.size()));
  if (result.integer.empty()) result.integer = "0";
  while (result.fraction.ends_with('0')) result.fraction.pop_back();
  return result;
}

int compare(const Decimal& left, const Decimal& right) {
  if (left.negative != right.negative) return left.negative ? -1 : 1;
  const int order = compare_magnitudes(left, right);
  return left.negative ? -order : order;
}

int compare_numbers(std::string_view left, std::string_view right) {
  const auto l = to_decimal(left), r = to_decimal(right);
  if (!l || !r) return left.compare(right);
  return compare(*l, *r);
}

std::string to_text(const Decimal& value) {
  return (value.negative ? "-" : "") + value.integer + (value.fraction.empty() ? "" : "." + value.fraction);
}

RegexId number_language(RegexArena* arena, const NumberBounds& bounds, bool integers_only) {
  Digits digits(arena);
  size_t integer_digits = kIntegerDigits, bound_integers = 1, bound_fractions = 0;
  for (const auto& bound : {bounds.low, bounds.high}) {
    if (!bound) continue;
    bound_integers = std::max(bound_integers, bound->value.integer.size());
    bound_fractions = std::max(bound_fractions, bound->value.fraction.size());
  }
  integer_digits = std::max(integer_digits, bound_integers + 1);
  const bool bounded = bounds.low || bounds.high;
  RegexId syntax = arena->concat(arena->optional(arena->byte('-')), digits.canonical(1, static_cast<uint32_t>(integer_digits)));
  if (!integers_only) {
    const size_t room = kSafeDigits > bound_integers ? kSafeDigits - bound_integers : 1;
    const size_t fractions = bounded ? std::max(bound_fractions, room) : kFractionDigits;
    syntax = arena->concat(syntax, arena->optional(digits.point(digits.any(1, static_cast<uint32_t>(fractions)))));
    if (!bounded) {
      ByteSet e, signs;
      e.add('e'), e.add('E'), signs.add('+'), signs.add('-');
      const RegexId exponent = digits.sequence({arena->bytes(e), arena->optional(arena->bytes(signs)), digits.any(1, 2)});
      syntax = arena->concat(syntax, arena->optional(exponent));
    }
  }
  std::vector<RegexId> parts{syntax};
  if (bounds.low) parts.push_back(digits.above(*bounds.low));
  if (bounds.high) parts.push_back(digits.below(*bounds.high));
  return arena->both(std::move(parts));
}

}  // namespace hearth::text::grammar
