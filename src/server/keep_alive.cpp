// How long a model stays in memory, as clients say it. Contract: server/models.h, parse_keep_alive.
#include <cmath>

#include "server/models.h"

namespace hearth::server {

namespace {

constexpr double kMaxMilliseconds = 1e15;  // 30,000 years: as good as forever

ApiError malformed() {
  return bad_request("'keep_alive' must be a number of seconds or a duration like \"5m\", \"1h30m\" or \"-1\" (forever)", "keep_alive");
}

KeepAlive from_milliseconds(double value) {
  if (value < 0 || value > kMaxMilliseconds) return std::nullopt;
  return std::chrono::milliseconds(static_cast<int64_t>(value));
}

// The unit at the front of `text` in milliseconds, taken off; 0 if there is none.
double take_unit(std::string_view* text) {
  static constexpr struct { std::string_view name; double milliseconds; } kUnits[] = {
      {"ms", 1}, {"us", 1e-3}, {"\xc2\xb5s", 1e-3}, {"ns", 1e-6}, {"h", 3.6e6}, {"m", 6e4}, {"s", 1e3}};
  for (const auto& unit : kUnits) {
    if (!text->starts_with(unit.name)) continue;
    text->remove_prefix(unit.name.size());
    return unit.milliseconds;
  }
  return 0;
}

// Digits with at most one point at the front of `text`, taken off; negative if there are none.
double take_number(std::string_view* text) {
  double value = 0, scale = 1;
  bool point = false, digits = false;
  while (!text->empty()) {
    const char c = text->front();
    if (c == '.' && !point) {
      point = true;
    } else if (c >= '0' && c <= '9') {
      digits = true;
      value = value * 10 + (c - '0');
      if (point) scale *= 10;
    } else {
      break;
    }
    text->remove_prefix(1);
  }
  return digits ? value / scale : -1;
}

}  // namespace

Checked<KeepAlive> parse_keep_alive(const Json& value) {
  if (value.is_number()) {
    const double seconds = value.get<double>();
    if (!std::isfinite(seconds)) return malformed();
    return from_milliseconds(seconds * 1000);
  }
  if (!value.is_string()) return malformed();
  std::string_view text = value.get_ref<const std::string&>();
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || text.size() > 64) return malformed();
  double total = 0;
  while (!text.empty()) {
    const double number = take_number(&text);
    if (number < 0) return malformed();
    const double unit = text.empty() && total == 0 ? 1000 : take_unit(&text);  // a bare number is seconds
    if (unit == 0) return malformed();
    total += number * unit;
  }
  return from_milliseconds(negative ? -std::max(total, 1.0) : total);
}

}  // namespace hearth::server
