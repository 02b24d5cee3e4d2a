// The is...() methods of str; see methods.h.
#include "text/jinja/interpreter.h"
#include "text/jinja/methods.h"
#include "text/jinja/parameters.h"
#include "text/jinja/string_case.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

bool is_upper_text(std::string_view text) {
  bool cased = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = decode(text, &i);
    if (is_lower(c) || is_title(c)) return false;
    cased = cased || is_upper(c);
  }
  return cased;
}

bool is_lower_text(std::string_view text) {
  bool cased = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = decode(text, &i);
    if (is_upper(c) || is_title(c)) return false;
    cased = cased || is_lower(c);
  }
  return cased;
}

namespace {

template <bool (*Test)(char32_t)>
bool all_characters(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    if (!Test(decode(text, &i))) return false;
  }
  return !text.empty();
}

bool is_alphanumeric(char32_t c) {
  return is_alpha(c) || is_numeric(c);
}

bool is_title_text(std::string_view text) {
  bool cased = false, inside = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = decode(text, &i);
    if (is_upper(c) || is_title(c)) {
      if (inside) return false;
      inside = cased = true;
    } else if (is_lower(c)) {
      if (!inside) return false;
      cased = true;
    } else {
      inside = false;
    }
  }
  return cased;
}

bool is_printable_text(std::string_view text) {
  return text.empty() || all_characters<is_printable>(text);
}

bool is_ascii_text(std::string_view text) {
  for (char c : text) {
    if (static_cast<uint8_t>(c) >= 0x80) return false;
  }
  return true;
}

template <bool (*Test)(std::string_view)>
Value tested(Interpreter& interpreter, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, "str method", {});
  interpreter.work(self.text().size());
  return Value::boolean(Test(self.text()));
}

constexpr Method kMethods[] = {
    {"isalpha", tested<all_characters<is_alpha>>},
    {"isalnum", tested<all_characters<is_alphanumeric>>},
    {"isdecimal", tested<all_characters<is_decimal>>},
    {"isdigit", tested<all_characters<is_digit>>},
    {"isnumeric", tested<all_characters<is_numeric>>},
    {"isspace", tested<all_characters<is_space>>},
    {"isupper", tested<is_upper_text>},
    {"islower", tested<is_lower_text>},
    {"istitle", tested<is_title_text>},
    {"isidentifier", tested<is_identifier>},
    {"isprintable", tested<is_printable_text>},
    {"isascii", tested<is_ascii_text>},
};

}  // namespace

const Method* find_string_test_method(std::string_view name) {
  for (const Method& method : kMethods) {
    if (method.name == name) return &method;
  }
  return nullptr;
}

}  // namespace hearth::text::jinja
