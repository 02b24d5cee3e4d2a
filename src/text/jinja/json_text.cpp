// json.dumps; see json_text.h.
#include "text/jinja/json_text.h"

#include <algorithm>
#include <cmath>

#include "text/jinja/limits.h"
#include "text/jinja/operators.h"
#include "text/jinja/sorting.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

class JsonWriter {
 public:
  JsonWriter(Interpreter& interpreter, const JsonOptions& options)
      : interpreter_(interpreter), options_(options), reservation_(interpreter.heap()) {}

  std::string run(const Value& value) {
    write(value, 0);
    return std::move(out_);
  }

 private:
  void write(const Value& value, int depth) {
    interpreter_.step();
    if (depth > kMaxValueDepth) {
      fail_limit("a value is nested deeper than " + std::to_string(kMaxValueDepth) + " levels");
    }
    switch (value.kind()) {
      case Kind::kNone:
        out_ += "null";
        break;
      case Kind::kBool:
        out_ += value.as_bool() ? "true" : "false";
        break;
      case Kind::kInteger:
        out_ += integer_text(value.as_integer());
        break;
      case Kind::kFloat:
        out_ += real(value.as_real());
        break;
      case Kind::kString:
        write_string(value.text());
        break;
      case Kind::kList:
      case Kind::kTuple:
        write_array(value.items(), depth);
        break;
      case Kind::kDict:
        write_object(value.dict(), depth);
        break;
      default:
        fail("Object of type " + std::string(type_name(value)) + " is not JSON serializable");
    }
    if (out_.size() > reserved_ + 4096) {
      reservation_.grow(out_.size() - reserved_);
      interpreter_.work(out_.size() - reserved_);
      reserved_ = out_.size();
    }
  }

  static std::string real(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return real_repr(value);
  }

  void write_string(std::string_view text) {
    out_ += '"';
    for (size_t i = 0; i < text.size();) {
      const char c = text[i];
      if (c == '"' || c == '\\') {
        out_ += '\\';
        out_ += c;
        ++i;
      } else if (static_cast<uint8_t>(c) < 0x20) {
        write_control(c);
        ++i;
      } else if (static_cast<uint8_t>(c) < 0x80 || !options_.ensure_ascii) {
        out_ += c;
        ++i;
      } else {
        write_escaped(decode(text, &i));
      }
    }
    out_ += '"';
  }

  void write_control(char c) {
    constexpr std::string_view kControls = "\n\r\t\f\b";
    constexpr std::string_view kLetters = "nrtfb";
    const size_t known = kControls.find(c);
    if (known != std::string_view::npos) {
      out_ += '\\';
      out_ += kLetters[known];
    } else {
      write_unit(static_cast<unsigned>(c));
    }
  }

  void write_unit(unsigned unit) {
    char escape[8];
    std::snprintf(escape, sizeof escape, "\\u%04x", unit & 0xFFFF);
    out_ += escape;
  }

  void write_escaped(char32_t c) {
    if (c >= kStrayByte) {
      write_unit(static_cast<unsigned>(0xDC00 + (c - kStrayByte)));
    } else if (c >= 0x10000) {
      write_unit(static_cast<unsigned>(0xD7C0 + (c >> 10)));
      write_unit(static_cast<unsigned>(0xDC00 + (c & 0x3FF)));
    } else {
      write_unit(static_cast<unsigned>(c));
    }
  }

  void new_line(int depth) {
    if (!options_.indented) return;
    out_ += '\n';
    interpreter_.heap().ensure(options_.indent.size() * static_cast<size_t>(depth));
    for (int i = 0; i < depth; ++i) out_ += options_.indent;
  }

  void write_array(const std::vector<Value>& items, int depth) {
    if (items.empty()) {
      out_ += "[]";
      return;
    }
    out_ += '[';
    for (size_t i = 0; i < items.size(); ++i) {
      if (i != 0) out_ += options_.item_separator;
      new_line(depth + 1);
      write(items[i], depth + 1);
    }
    new_line(depth);
    out_ += ']';
  }

  void write_object(const DictObject& dict, int depth) {
    if (dict.entries().empty()) {
      out_ += "{}";
      return;
    }
    std::vector<DictObject::Entry> sorted;
    if (options_.sort_keys) {
      sorted = dict.entries();
      stable_sort_values(
          interpreter_, &sorted, [](const DictObject::Entry& entry) -> const Value& { return entry.first; }, false);
    }
    out_ += '{';
    bool first = true;
    for (const auto& [key, value] : options_.sort_keys ? sorted : dict.entries()) {
      if (!first) out_ += options_.item_separator;
      first = false;
      new_line(depth + 1);
      write_string(key_text(key));
      out_ += options_.key_separator;
      write(value, depth + 1);
    }
    new_line(depth);
    out_ += '}';
  }

  static std::string key_text(const Value& key) {
    switch (key.kind()) {
      case Kind::kString:
        return std::string(key.text());
      case Kind::kNone:
        return "null";
      case Kind::kBool:
        return key.as_bool() ? "true" : "false";
      case Kind::kInteger:
        return integer_text(key.as_integer());
      case Kind::kFloat:
        return real(key.as_real());
      default:
        fail("keys must be str, int, float, bool or None, not " + std::string(type_name(key)));
    }
  }

  Interpreter& interpreter_;
  const JsonOptions& options_;
  Reservation reservation_;
  std::string out_;
  size_t reserved_ = 0;
};

}  // namespace

std::string to_json(Interpreter& interpreter, const Value& value, const JsonOptions& options) {
  return JsonWriter(interpreter, options).run(value);
}

}  // namespace hearth::text::jinja
