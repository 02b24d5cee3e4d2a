// Contract and exclusions: json_scanner.h.
#include "text/tools/json_scanner.h"

namespace hearth::text::tools {

namespace {

using Status = JsonScanner::Status;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

}  // namespace

std::string_view escaped_control(char c) {
  return c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : "";
}

Status JsonScanner::begin_value(char c) {
  if (c == '"') {
    place_ = Place::kString;
    string_is_name_ = false;
    return Status::kMore;
  }
  if (c == '{' || c == '[') {
    if (nesting_.size() >= kMaxScanDepth) return Status::kBad;
    nesting_.push_back(c);
    place_ = c == '{' ? Place::kFirstName : Place::kFirstItem;
    return Status::kMore;
  }
  if (c == '-' || is_digit(c)) {
    place_ = Place::kNumber;
    digits_ = c == '-' ? Digits::kSign : c == '0' ? Digits::kZero : Digits::kWhole;
    return Status::kMore;
  }
  literal_ = c == 't' ? "rue" : c == 'f' ? "alse" : c == 'n' ? "ull" : "";
  place_ = Place::kLiteral;
  return literal_.empty() ? Status::kBad : Status::kMore;
}

Status JsonScanner::end_value() {
  place_ = Place::kAfter;
  return nesting_.empty() ? Status::kDone : Status::kMore;
}

Status JsonScanner::push_string(char c) {
  if (place_ == Place::kEscape) {
    if (c == 'u') {
      place_ = Place::kHex;
      hex_left_ = 4;
      return Status::kMore;
    }
    place_ = Place::kString;
    return std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos ? Status::kMore : Status::kBad;
  }
  if (place_ == Place::kHex) {
    if (!is_hex(c)) return Status::kBad;
    if (--hex_left_ == 0) place_ = Place::kString;
    return Status::kMore;
  }
  if (c == '\\') {
    place_ = Place::kEscape;
    return Status::kMore;
  }
  if (c == '"') {
    if (!string_is_name_) return end_value();
    place_ = Place::kColon;
    return Status::kMore;
  }
  const bool control = static_cast<unsigned char>(c) < 0x20;
  return control && escaped_control(c).empty() ? Status::kBad : Status::kMore;
}

// A number ends with the byte behind it.
Status JsonScanner::push_number(char c) {
  switch (digits_) {
    case Digits::kSign:
      if (!is_digit(c)) return Status::kBad;
      digits_ = c == '0' ? Digits::kZero : Digits::kWhole;
      return Status::kMore;
    case Digits::kZero:
    case Digits::kWhole:
      if (is_digit(c)) return digits_ == Digits::kZero ? Status::kBad : Status::kMore;
      if (c == '.') {
        digits_ = Digits::kPoint;
        return Status::kMore;
      }
      break;
    case Digits::kPoint:
      if (!is_digit(c)) return Status::kBad;
      digits_ = Digits::kFraction;
      return Status::kMore;
    case Digits::kFraction:
      if (is_digit(c)) return Status::kMore;
      break;
    case Digits::kExponent:
      if (c == '+' || c == '-') {
        digits_ = Digits::kExponentSign;
        return Status::kMore;
      }
      [[fallthrough]];
    case Digits::kExponentSign:
      if (!is_digit(c)) return Status::kBad;
      digits_ = Digits::kExponentDigits;
      return Status::kMore;
    case Digits::kExponentDigits:
      if (is_digit(c)) return Status::kMore;
      break;
  }
  if ((c == 'e' || c == 'E') && digits_ != Digits::kExponentDigits) {
    digits_ = Digits::kExponent;
    return Status::kMore;
  }
  if (nesting_.empty()) return Status::kBad;
  place_ = Place::kAfter;
  return push_after(c);
}

Status JsonScanner::push_after(char c) {
  if (is_blank(c)) return Status::kMore;
  if (nesting_.empty()) return Status::kBad;
  if (c == ',') {
    place_ = in_object() ? Place::kName : Place::kValue;
    return Status::kMore;
  }
  if (c != (in_object() ? '}' : ']')) return Status::kBad;
  nesting_.pop_back();
  return end_value();
}

Status JsonScanner::push(char c) {
  switch (place_) {
    case Place::kString:
    case Place::kEscape:
    case Place::kHex: return push_string(c);
    case Place::kNumber: return push_number(c);
    case Place::kLiteral:
      if (c != literal_.front()) return Status::kBad;
      literal_.remove_prefix(1);
      if (!literal_.empty()) return Status::kMore;
      return nesting_.empty() ? Status::kBad : end_value();
    case Place::kAfter: return push_after(c);
    default: break;
  }
  if (is_blank(c)) return Status::kMore;
  switch (place_) {
    case Place::kColon:
      place_ = Place::kValue;
      return c == ':' ? Status::kMore : Status::kBad;
    case Place::kFirstName:
    case Place::kFirstItem:
      if (c == (in_object() ? '}' : ']')) {
        nesting_.pop_back();
        return end_value();
      }
      if (place_ == Place::kFirstItem) return begin_value(c);
      [[fallthrough]];
    case Place::kName:
      place_ = Place::kString;
      string_is_name_ = true;
      return c == '"' ? Status::kMore : Status::kBad;
    default: return begin_value(c);
  }
}

}  // namespace hearth::text::tools
