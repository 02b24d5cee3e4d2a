// The methods of str that make or search strings; see methods.h. Tests of characters are in string_tests.cpp.
#include <algorithm>

#include "text/jinja/access.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/parameters.h"
#include "text/jinja/template_error.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

Value same_kind(Interpreter& interpreter, const Value& self, std::string text) {
  return interpreter.string(std::move(text), self.string().markup());
}

template <std::string (*Map)(std::string_view)>
Value mapped(Interpreter& interpreter, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, "str method", {});
  interpreter.work(self.text().size() * 8);
  interpreter.heap().ensure(self.text().size() * 8);
  return same_kind(interpreter, self, Map(self.text()));
}

// Characters of `text` from the left (or right) that are in `set`, or white space if there is no set.
std::string_view strip_set(std::string_view text, const std::u32string* set, bool left, bool right) {
  const auto strips = [&](char32_t c) { return set == nullptr ? is_space(c) : set->find(c) != std::u32string::npos; };
  size_t start = 0, end = text.size();
  while (left && start < end) {
    size_t next = start;
    if (!strips(decode(text, &next))) break;
    start = next;
  }
  while (right && end > start) {
    const size_t previous = previous_position(text, end);
    size_t at = previous;
    if (!strips(decode(text, &at))) break;
    end = previous;
  }
  return text.substr(start, end - start);
}

template <bool kLeft, bool kRight>
Value stripped(Interpreter& interpreter, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, "strip", {"/chars"});
  std::u32string set;
  if (given.has_some(0)) {
    interpreter.heap().ensure(given.text(0, "chars").size() * sizeof(char32_t));
    set = decode_all(given.text(0, "chars"));
  }
  interpreter.work(self.text().size() * (set.size() + 1));
  return same_kind(interpreter, self,
                   std::string(strip_set(self.text(), given.has_some(0) ? &set : nullptr, kLeft, kRight)));
}

int64_t limit_of(const Parameters& given, size_t i) {
  const int64_t limit = given.has(i) ? require_index(given[i], "maxsplit") : -1;
  return limit < 0 ? INT64_MAX : limit;
}

// Every part becomes a string object: fails before the parts are more than the heap can hold.
void add_part(Interpreter& interpreter, std::vector<std::string_view>* parts, std::string_view part) {
  if (parts->size() % 1024 == 0) interpreter.heap().ensure(parts->size() * sizeof(StringObject));
  parts->push_back(part);
}

std::vector<std::string_view> split_space(Interpreter& interpreter, std::string_view text, int64_t limit,
                                          bool from_right) {
  std::vector<std::string_view> parts;
  text = from_right ? strip_right(text) : strip_left(text);
  while (!text.empty() && limit-- > 0) {
    if (from_right) {
      size_t start = text.size();
      while (start > 0) {
        const size_t previous = previous_position(text, start);
        size_t at = previous;
        if (is_space(decode(text, &at))) break;
        start = previous;
      }
      add_part(interpreter, &parts, text.substr(start));
      text = strip_right(text.substr(0, start));
    } else {
      size_t end = 0;
      while (end < text.size()) {
        size_t next = end;
        if (is_space(decode(text, &next))) break;
        end = next;
      }
      add_part(interpreter, &parts, text.substr(0, end));
      text = strip_left(text.substr(end));
    }
  }
  if (!text.empty()) parts.push_back(text);
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> split_at(Interpreter& interpreter, std::string_view text, std::string_view separator,
                                       int64_t limit, bool from_right) {
  std::vector<std::string_view> parts;
  while (limit-- > 0) {
    const size_t at = from_right ? text.rfind(separator) : text.find(separator);
    if (at == std::string_view::npos) break;
    add_part(interpreter, &parts, from_right ? text.substr(at + separator.size()) : text.substr(0, at));
    text = from_right ? text.substr(0, at) : text.substr(at + separator.size());
  }
  parts.push_back(text);
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

Value string_list(Interpreter& interpreter, const Value& self, const std::vector<std::string_view>& parts) {
  Reservation reservation(interpreter.heap());
  std::vector<Value> items;
  for (std::string_view part : parts) {
    interpreter.step();
    reservation.grow(sizeof(Value));
    items.push_back(same_kind(interpreter, self, std::string(part)));
  }
  return interpreter.list(std::move(items));
}

template <bool kFromRight>
Value split(Interpreter& interpreter, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, kFromRight ? "rsplit" : "split", {"sep", "maxsplit"});
  const int64_t limit = limit_of(given, 1);
  const std::string_view text = self.text();
  interpreter.work(text.size() * 16);
  if (!given.has_some(0)) return string_list(interpreter, self, split_space(interpreter, text, limit, kFromRight));
  const std::string_view separator = given.text(0, "sep");
  if (separator.empty()) fail("empty separator");
  return string_list(interpreter, self, split_at(interpreter, text, separator, limit, kFromRight));
}

Value splitlines(Interpreter& interpreter, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, "splitlines", {"keepends"});
  const bool keep = given.has(0) && truth(interpreter, given[0]);
  interpreter.work(self.text().size() * 16);
  return string_list(interpreter, self, split_lines(interpreter, self.text(), keep));
}

Value join(Interpreter& interpreter, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, "join", {"/iterable"}, 1);
  const bool markup = self.string().markup();
  const Value source = iterate(interpreter, given[0]);
  Reservation reservation(interpreter.heap());
  std::string text;
  Value item;
  for (bool first = true; source.iterator().next(interpreter, &item); first = false) {
    interpreter.step();
    if (!item.is_string() && !markup)
      fail("sequence item: expected str instance, " + std::string(type_name(item)) + " found");
    const size_t before = text.size();
    if (!first) text.append(self.text());
    if (markup) {
      text += escaped_text(interpreter, item);
    } else {
      text.append(item.text());
    }
    interpreter.work(text.size() - before);
    reservation.grow(text.size() - before);
  }
  return interpreter.string(std::move(text), markup);
}

Value replace(Interpreter& interpreter, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, "replace", {"/old", "/new", "/count"}, 2);
  const bool markup = self.string().markup();
  const int64_t count = given.has(2) ? require_index(given[2], "count") : -1;
  const std::string with = markup ? escaped_text(interpreter, given[1]) : std::string(given.text(1, "new"));
  return interpreter.string(replace_text(interpreter, self.text(), given.text(0, "old"), with, count), markup);
}

// The part of the text between two character indices, as str.find and its kin take them; false if it is empty by its
// bounds and not even an empty string can be found there.
bool window(Interpreter& interpreter, const Value& self, const Parameters& given, size_t first, size_t* start,
            size_t* end) {
  const StringObject& string = self.string();
  const auto length = static_cast<int64_t>(string.characters());
  const auto bound = [&](size_t i, int64_t otherwise) {
    if (!given.has_some(i)) return otherwise;
    const int64_t index = require_index(given[i], "slice indices");
    return index < 0 ? std::max<int64_t>(0, index + length) : index;
  };
  const int64_t from = bound(first, 0);
  const int64_t to = std::min(bound(first + 1, length), length);
  interpreter.work(string.text().size());
  *start = *end = 0;
  if (from > length || from > to) return false;
  *start = string.ascii() ? static_cast<size_t>(from) : byte_offset(string.text(), static_cast<size_t>(from));
  *end = string.ascii() ? static_cast<size_t>(to) : byte_offset(string.text(), static_cast<size_t>(to));
  return true;
}

template <bool kFromRight, bool kMustExist>
Value find(Interpreter& interpreter, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, "find", {"/sub", "/start", "/end"}, 1);
  const std::string_view wanted = given.text(0, "sub");
  size_t start = 0, end = 0;
  size_t at = std::string_view::npos;
  if (window(interpreter, self, given, 1, &start, &end)) {
    const std::string_view part = self.text().substr(start, end - start);
    at = kFromRight ? part.rfind(wanted) : part.find(wanted);
  }
  if (at == std::string_view::npos) {
    if (kMustExist) fail("substring not found");
    return Value::integer(-1);
  }
  return Value::integer(static_cast<Integer>(count_characters(self.text().substr(0, start + at))));
}

Value count(Interpreter& interpreter, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, "count", {"/sub", "/start", "/end"}, 1);
  const std::string_view wanted = given.text(0, "sub");
  size_t start = 0, end = 0;
  if (!window(interpreter, self, given, 1, &start, &end)) return Value::integer(0);
  const std::string_view part = self.text().substr(start, end - start);
  if (wanted.empty()) return Value::integer(static_cast<Integer>(count_characters(part) + 1));
  Integer found = 0;
  for (size_t at = part.find(wanted); at != std::string_view::npos; at = part.find(wanted, at + wanted.size())) ++found;
  return Value::integer(found);
}

template <bool kEnd>
Value affix(Interpreter& interpreter, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, kEnd ? "endswith" : "startswith", {"/affix", "/start", "/end"}, 1);
  size_t start = 0, end = 0;
  const bool valid = window(interpreter, self, given, 1, &start, &end);
  const std::string_view part = self.text().substr(start, end - start);
  const auto matches = [&](const Value& wanted) {
    if (!wanted.is_string()) fail("the argument must be str or a tuple of str, not " + std::string(type_name(wanted)));
    return valid && (kEnd ? part.ends_with(wanted.text()) : part.starts_with(wanted.text()));
  };
  if (!given[0].is(Kind::kTuple)) return Value::boolean(matches(given[0]));
  for (const Value& wanted : given[0].items()) {
    if (matches(wanted)) return Value::boolean(true);
  }
  return Value::boolean(false);
}

enum class Side { kLeft, kRight, kBoth };

template <Side kSide>
Value padded(Interpreter& interpreter, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, "center", {"/width", "/fillchar"}, 1);
  std::string fill = " ";
  if (given.has(1)) fill = self.string().markup() ? escaped_text(interpreter, given[1]) : given.text(1, "fillchar");
  if (count_characters(fill) != 1) fail("The fill character must be exactly one character long");
  return same_kind(interpreter, self,
                   pad_text(interpreter, self.text(), require_index(given[0], "width"), fill, kSide != Side::kRight,
                            kSide != Side::kLeft));
}

Value zfill(Interpreter& interpreter, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, "zfill", {"/width"}, 1);
  const bool sign = self.text().starts_with('-') || self.text().starts_with('+');
  const int64_t width = require_index(given[0], "width") - (sign ? 1 : 0);
  const std::string digits = pad_text(interpreter, self.text().substr(sign ? 1 : 0), width, "0", true, false);
  return same_kind(interpreter, self, std::string(self.text().substr(0, sign ? 1 : 0)) + digits);
}

template <bool kFromRight>
Value partition(Interpreter& interpreter, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, "partition", {"/sep"}, 1);
  const std::string_view separator = given.text(0, "sep");
  const std::string_view text = self.text();
  if (separator.empty()) fail("empty separator");
  const size_t at = kFromRight ? text.rfind(separator) : text.find(separator);
  const auto part = [&](std::string_view piece) { return same_kind(interpreter, self, std::string(piece)); };
  if (at == std::string_view::npos) {
    if (kFromRight) return interpreter.tuple({part(""), part(""), part(text)});
    return interpreter.tuple({part(text), part(""), part("")});
  }
  return interpreter.tuple({part(text.substr(0, at)), part(separator), part(text.substr(at + separator.size()))});
}

template <bool kEnd>
Value without_affix(Interpreter& interpreter, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, kEnd ? "removesuffix" : "removeprefix", {"/affix"}, 1);
  const std::string_view affix_text = given.text(0, "argument");
  std::string_view text = self.text();
  if (!kEnd && text.starts_with(affix_text)) text.remove_prefix(affix_text.size());
  if (kEnd && text.ends_with(affix_text)) text.remove_suffix(affix_text.size());
  return same_kind(interpreter, self, std::string(text));
}

Value expandtabs(Interpreter& interpreter, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, "expandtabs", {"tabsize"});
  const int64_t size = given.has(0) ? require_index(given[0], "tabsize") : 8;
  Reservation reservation(interpreter.heap());
  std::string out;
  int64_t column = 0;
  for (size_t i = 0; i < self.text().size();) {
    const char32_t c = decode(self.text(), &i);
    const size_t before = out.size();
    if (c == '\t') {
      const int64_t spaces = size > 0 ? size - column % size : 0;
      interpreter.heap().ensure(static_cast<size_t>(spaces));
      out.append(static_cast<size_t>(spaces), ' ');
      column += spaces;
    } else {
      append_utf8(&out, c);
      column = c == '\n' || c == '\r' ? 0 : column + 1;
    }
    reservation.grow(out.size() - before);
  }
  return same_kind(interpreter, self, std::move(out));
}

Value format(Interpreter& interpreter, const Value& self, Arguments& arguments) {
  return same_kind(interpreter, self, format_braces(interpreter, self, arguments));
}

Value format_map(Interpreter& interpreter, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, "format_map", {"/mapping"}, 1);
  if (!given[0].is(Kind::kDict)) fail("format_map() needs a dict, not " + std::string(type_name(given[0])));
  Arguments named;
  for (const auto& [key, value] : given[0].dict().entries()) {
    if (key.is_string()) named.keywords.emplace_back(std::string(key.text()), value);
  }
  return same_kind(interpreter, self, format_braces(interpreter, self, named));
}

constexpr Method kMethods[] = {
    {"upper", mapped<to_upper>},
    {"lower", mapped<to_lower>},
    {"title", mapped<to_title>},
    {"capitalize", mapped<capitalize>},
    {"swapcase", mapped<swap_case>},
    {"casefold", mapped<fold_case>},
    {"strip", stripped<true, true>},
    {"lstrip", stripped<true, false>},
    {"rstrip", stripped<false, true>},
    {"split", split<false>},
    {"rsplit", split<true>},
    {"splitlines", splitlines},
    {"join", join},
    {"replace", replace},
    {"find", find<false, false>},
    {"rfind", find<true, false>},
    {"index", find<false, true>},
    {"rindex", find<true, true>},
    {"count", count},
    {"startswith", affix<false>},
    {"endswith", affix<true>},
    {"center", padded<Side::kBoth>},
    {"ljust", padded<Side::kRight>},
    {"rjust", padded<Side::kLeft>},
    {"zfill", zfill},
    {"partition", partition<false>},
    {"rpartition", partition<true>},
    {"removeprefix", without_affix<false>},
    {"removesuffix", without_affix<true>},
    {"expandtabs", expandtabs},
    {"format", format},
    {"format_map", format_map},
};

}  // namespace

std::string replace_text(Interpreter& interpreter, std::string_view text, std::string_view old, std::string_view with,
                         int64_t count) {
  if (count < 0) count = INT64_MAX;
  Reservation reservation(interpreter.heap());
  interpreter.work(text.size());
  std::string out;
  const auto add = [&](std::string_view piece) {
    reservation.grow(piece.size());
    out.append(piece);
  };
  size_t position = 0;
  if (old.empty()) {  // between all characters
    for (; count > 0 && position < text.size(); --count) {
      const size_t start = position;
      decode(text, &position);
      interpreter.step();
      add(with);
      add(text.substr(start, position - start));
    }
    if (count > 0) add(with);
    add(text.substr(position));
    return out;
  }
  for (; count > 0; --count) {
    const size_t at = text.find(old, position);
    if (at == std::string_view::npos) break;
    interpreter.work(with.size() + 64);
    add(text.substr(position, at - position));
    add(with);
    position = at + old.size();
  }
  add(text.substr(position));
  return out;
}

std::string pad_text(Interpreter& interpreter, std::string_view text, int64_t width, std::string_view fill, bool left,
                     bool right) {
  const auto length = static_cast<int64_t>(count_characters(text));
  if (width <= length) return std::string(text);
  const int64_t total = width - length;
  interpreter.heap().ensure(static_cast<size_t>(total));
  interpreter.heap().ensure(static_cast<size_t>(total) * fill.size() + text.size());
  int64_t before = left ? total : 0;
  if (left && right) before = total / 2 + (total & width & 1);  // str.center's rounding
  std::string out;
  for (int64_t i = 0; i < before; ++i) out.append(fill);
  out.append(text);
  for (int64_t i = before; i < total; ++i) out.append(fill);
  return out;
}

std::vector<std::string_view> split_lines(Interpreter& interpreter, std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  size_t start = 0;
  for (size_t i = 0; i < text.size();) {
    const size_t at = i;
    const char32_t c = decode(text, &i);
    if (!is_line_break(c)) continue;
    if (c == '\r' && i < text.size() && text[i] == '\n') ++i;
    add_part(interpreter, &lines, text.substr(start, (keep_ends ? i : at) - start));
    start = i;
  }
  if (start < text.size()) lines.push_back(text.substr(start));
  return lines;
}

const Method* find_string_method(std::string_view name) {
  for (const Method& method : kMethods) {
    if (method.name == name) return &method;
  }
  return find_string_test_method(name);
}

}  // namespace hearth::text::jinja
