// Reading, writing and comparing JSON values.
//
// Contract: see json_value.h; recursion is bounded by kMaxSourceNesting.
// Not here: schemas.
#include "text/grammar/json_value.h"

#include <unordered_map>

#include "base/utf8.h"
#include "text/grammar/code_points.h"
#include "text/grammar/decimal.h"
#include "text/grammar/limits.h"
#include "text/grammar/source_position.h"

namespace hearth::text::grammar {

namespace {

using Kind = JsonValue::Kind;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<JsonValue> parse() {
    skip_space();
    JsonValue value = TRY(read(0));
    skip_space();
    if (at_ < text_.size()) return fail("something follows the value");
    return value;
  }

 private:
  Error fail(const std::string& what) const { return {ErrorCode::kInvalidArgument, position_in(text_, at_) + ": " + what}; }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) ++at_;
  }

  Result<JsonValue> read(size_t depth) {
    if (depth > kMaxSourceNesting) return fail("more than " + std::to_string(kMaxSourceNesting) + " values inside each other");
    if (take("null")) return JsonValue{};
    if (take("true")) return JsonValue::boolean(true);
    if (take("false")) return JsonValue::boolean(false);
    if (peek() == '"') return JsonValue::string(TRY(string()));
    if (take("[")) return array(depth);
    if (take("{")) return object(depth);
    if (peek() == '-' || (peek() >= '0' && peek() <= '9')) return number();
    return fail("a JSON value is expected");
  }

  Result<JsonValue> array(size_t depth) {
    JsonValue value = JsonValue::array({});
    skip_space();
    if (take("]")) return value;
    for (;;) {
      skip_space();
      value.items.push_back(TRY(read(depth + 1)));
      skip_space();
      if (take("]")) return value;
      if (!take(",")) return fail("',' or ']' is expected");
    }
  }

  Result<JsonValue> object(size_t depth) {
    JsonValue value = JsonValue::object();
    std::unordered_map<std::string, size_t> places;
    skip_space();
    if (take("}")) return value;
    for (;;) {
      skip_space();
      if (peek() != '"') return fail("a name in quotes is expected");
      std::string name = TRY(string());
      skip_space();
      if (!take(":")) return fail("':' is expected");
      skip_space();
      JsonValue member = TRY(read(depth + 1));
      const auto [place, added] = places.try_emplace(name, value.items.size());
      if (added) {
        value.names.push_back(std::move(name));
        value.items.push_back(std::move(member));
      } else {
        value.items[place->second] = std::move(member);
      }
      skip_space();
      if (take("}")) return value;
      if (!take(",")) return fail("',' or '}' is expected");
    }
  }

  Result<JsonValue> number() {
    const size_t begin = at_;
    const auto digits = [&] {
      const size_t first = at_;
      while (peek() >= '0' && peek() <= '9') ++at_;
      return at_ > first;
    };
    take("-");
    if (!take("0") && !digits()) return fail("a number without digits");
    if (take(".") && !digits()) return fail("a number without digits after its point");
    if (take("e") || take("E")) {
      if (!take("+")) take("-");
      if (!digits()) return fail("a number without digits in its exponent");
    }
    return JsonValue::number(std::string(text_.substr(begin, at_ - begin)));
  }

  Result<uint32_t> hex() {
    uint32_t value = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = peek();
      const int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
      if (digit < 0) return fail("\\u without four hexadecimal digits");
      value = value * 16 + static_cast<uint32_t>(digit);
    }
    return value;
  }

  Result<std::string> string() {
    std::string out;
    ++at_;
    for (;;) {
      if (at_ >= text_.size()) return fail("a string without its closing quote");
      const char c = text_[at_];
      if (static_cast<uint8_t>(c) < 0x20) return fail("a control character in a string");
      ++at_;
      if (c == '"') return out;
      if (c != '\\') {
        out.push_back(c);
        continue;
      }
      constexpr std::string_view kEscapes = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
      const size_t escape = kEscapes.find(peek());
      if (at_ < text_.size() && escape != std::string_view::npos) {
        ++at_;
        out.push_back(kMeanings[escape]);
        continue;
      }
      if (!take("u")) return fail("an unknown escape in a string");
      uint32_t code = TRY(hex());
      if (code >= 0xD800 && code <= 0xDBFF && take("\\u")) {
        const uint32_t low = TRY(hex());
        if (low < 0xDC00 || low > 0xDFFF) return fail("half a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      }
      if (code >= 0xD800 && code <= 0xDFFF) return fail("half a surrogate pair");
      append_utf8(code, &out);
    }
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

const JsonValue* JsonValue::find(std::string_view name) const {
  if (kind != Kind::kObject) return nullptr;
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return &items[i];
  }
  return nullptr;
}

void JsonValue::set(std::string name, JsonValue value) {
  names.push_back(std::move(name));
  items.push_back(std::move(value));
}

Result<JsonValue> parse_json(std::string_view text) {
  if (text.size() > kMaxSourceBytes) {
    return Error{ErrorCode::kInvalidArgument, "the JSON text has " + std::to_string(text.size()) + " bytes; at most " + std::to_string(kMaxSourceBytes)};
  }
  if (!is_valid_utf8(text)) return Error{ErrorCode::kInvalidArgument, "the JSON text is not UTF-8"};
  return Parser(text).parse();
}

std::string write_json(const JsonValue& value) {
  switch (value.kind) {
    case Kind::kNull: return "null";
    case Kind::kFalse: return "false";
    case Kind::kTrue: return "true";
    case Kind::kNumber: return value.text;
    case Kind::kString: return '"' + json_spelling(value.text) + '"';
    default: break;
  }
  std::string out(1, value.is_array() ? '[' : '{');
  for (size_t i = 0; i < value.items.size(); ++i) {
    if (i > 0) out += ',';
    if (value.is_object()) out += '"' + json_spelling(value.names[i]) + "\":";
    out += write_json(value.items[i]);
  }
  return out + (value.is_array() ? ']' : '}');
}

bool equal_json(const JsonValue& left, const JsonValue& right) {
  if (left.kind != right.kind) return false;
  switch (left.kind) {
    case Kind::kNumber: return left.text == right.text || compare_numbers(left.text, right.text) == 0;
    case Kind::kString: return left.text == right.text;
    case Kind::kArray:
      if (left.items.size() != right.items.size()) return false;
      for (size_t i = 0; i < left.items.size(); ++i) {
        if (!equal_json(left.items[i], right.items[i])) return false;
      }
      return true;
    case Kind::kObject:
      if (left.items.size() != right.items.size()) return false;
      for (size_t i = 0; i < left.items.size(); ++i) {
        const JsonValue* other = right.find(left.names[i]);
        if (other == nullptr || !equal_json(left.items[i], *other)) return false;
      }
      return true;
    default: return true;
  }
}

}  // namespace hearth::text::grammar
