// Follows one JSON value byte by byte and says where in it one is.
//
// Contract: kBad as soon as no JSON value goes on so; line ends and tabs inside strings are let through, since models write them
// (escaped_control() spells them right). Nesting is limited to kMaxScanDepth. Constant time per byte.
// Not here: values (text/grammar/json_value.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::text::tools {

inline constexpr size_t kMaxScanDepth = 128;

inline bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

class JsonScanner {
 public:
  enum class Status : uint8_t { kMore, kDone, kBad };
  enum class Place : uint8_t { kValue, kFirstName, kFirstItem, kName, kColon, kAfter, kString, kEscape, kHex, kNumber, kLiteral };

  // kDone: the value, an object, array or string, ends with this byte.
  Status push(char c);
  Place place() const { return place_; }
  size_t depth() const { return nesting_.size(); }  // open objects and arrays
  bool in_object() const { return !nesting_.empty() && nesting_.back() == '{'; }
  // Within a string: it is the name of a member.
  bool string_is_name() const { return string_is_name_; }
  bool in_string() const { return place_ == Place::kString || place_ == Place::kEscape || place_ == Place::kHex; }

 private:
  Status begin_value(char c);
  Status end_value();
  Status push_string(char c);
  Status push_number(char c);
  Status push_after(char c);

  std::string nesting_;
  Place place_ = Place::kValue;
  bool string_is_name_ = false;
  int hex_left_ = 0;
  std::string_view literal_;  // what is left of true, false, null
  enum class Digits : uint8_t { kSign, kZero, kWhole, kPoint, kFraction, kExponent, kExponentSign, kExponentDigits };
  Digits digits_ = Digits::kSign;
};

// How a control character that a string holds is to be spelled; "" for other bytes.
std::string_view escaped_control(char c);

}  // namespace hearth::text::tools
