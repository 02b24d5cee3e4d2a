// Filters that work on text; see registry.h.
#include <cmath>
#include <cstdio>

#include "text/jinja/access.h"
#include "text/jinja/html_text.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/parameters.h"
#include "text/jinja/registry.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

Value call_method(Interpreter& interpreter, const Value& subject, std::string_view method, Arguments& arguments) {
  return find_string_method(method)->call(interpreter, soft_string(interpreter, subject), arguments);
}

Value upper(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  return call_method(interpreter, subject, "upper", arguments);
}
Value lower(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  return call_method(interpreter, subject, "lower", arguments);
}
Value capitalized(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  return call_method(interpreter, subject, "capitalize", arguments);
}
Value trim(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  Parameters given(arguments, "trim", {"chars"});
  Arguments passed;
  if (given.has(0)) passed.positional.push_back(given.take(0));
  return call_method(interpreter, subject, "strip", passed);
}

// The title filter splits at other places than str.title(): after - ( { [ < and white space only.
Value title(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "title", {});
  const std::string text = to_text(interpreter, subject);
  interpreter.work(text.size() * 16);
  interpreter.heap().ensure(text.size() * 8);
  std::string out;
  size_t start = 0;
  const auto flush = [&](size_t end) {
    if (start < end) {
      size_t first = start;
      decode(text, &first);
      out += to_upper(std::string_view(text).substr(start, first - start));
      out += to_lower(std::string_view(text).substr(first, end - first));
    }
    start = end;
  };
  bool in_separator = false;
  for (size_t i = 0; i < text.size();) {
    const size_t at = i;
    const char32_t c = decode(text, &i);
    const bool separator = is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
    if (separator != in_separator) flush(at);
    in_separator = separator;
  }
  flush(text.size());
  return interpreter.string(std::move(out));
}

Value center(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "center", {"width"});
  Arguments passed;
  passed.positional.push_back(given.has(0) ? given[0] : Value::integer(80));
  return call_method(interpreter, subject, "center", passed);
}

Value replace(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "replace", {"old", "new", "count"}, 2);
  const int64_t count = given.has_some(2) ? require_index(given[2], "count") : -1;
  return interpreter.string(replace_text(interpreter, to_text(interpreter, subject), to_text(interpreter, given[0]),
                                         to_text(interpreter, given[1]), count));
}

Value to_string(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "string", {});
  return soft_string(interpreter, subject);
}

Value escape(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "escape", {});
  return interpreter.string(escaped_text(interpreter, subject), true);
}

Value force_escape(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "forceescape", {});
  const std::string text = to_text(interpreter, subject);
  interpreter.heap().ensure(text.size() * 5);
  return interpreter.string(escape_html(text), true);
}

Value safe(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "safe", {});
  return interpreter.string(to_text(interpreter, subject), true);
}

Value striptags(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "striptags", {});
  const std::string text = to_text(interpreter, subject);
  interpreter.work(text.size() * 8);
  return interpreter.string(unescape_html(collapse_space(remove_tags(text))));
}

Value format(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.keywords.empty()) {
    fail("can't handle positional and keyword arguments at the same time");
  }
  const Value text = soft_string(interpreter, subject);
  if (arguments.keywords.empty()) return format_percent(interpreter, text, interpreter.tuple(arguments.positional));
  DictObject* dict = interpreter.new_dict();
  const Value values = Value::object(Kind::kDict, dict);
  for (auto& [name, value] : arguments.keywords) interpreter.set_item(dict, interpreter.string(name), value);
  return format_percent(interpreter, text, values);
}

Value indent(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "indent", {"width", "first", "blank"});
  std::string indention(4, ' ');
  if (given.has(0) && given[0].is_string()) {
    indention = given[0].text();
  } else if (given.has(0)) {
    const int64_t width = std::max<int64_t>(0, require_index(given[0], "width"));
    interpreter.heap().ensure(static_cast<size_t>(width));
    indention.assign(static_cast<size_t>(width), ' ');
  }
  if (subject.is_undefined()) fail_undefined(subject);
  if (!subject.is_string()) fail("indent needs a string, not " + std::string(type_name(subject)));
  const bool markup = subject.string().markup();
  if (markup) indention = given.has(0) && given[0].is_string() ? escaped_text(interpreter, given[0]) : indention;
  const bool blank = given.has(2) && truth(interpreter, given[2]);
  const std::string text = std::string(subject.text()) + "\n";
  interpreter.work(text.size() * 4);
  Reservation reservation(interpreter.heap());
  std::string out = given.has(1) && truth(interpreter, given[1]) ? indention : "";
  bool first = true;
  for (std::string_view line : split_lines(interpreter, text, false)) {
    reservation.grow(line.size() + indention.size() + 1);
    if (!first) out += "\n";
    if (!first && (blank || !line.empty())) out += indention;
    out += line;
    first = false;
  }
  return interpreter.string(std::move(out), markup);
}

Value truncate(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "truncate", {"length", "killwords", "end", "leeway"});
  const int64_t length = given.has(0) ? require_index(given[0], "length") : 255;
  const bool kill_words = given.has(1) && truth(interpreter, given[1]);
  const std::string end = given.has(2) ? std::string(given.text(2, "end")) : "...";
  const int64_t leeway = given.has_some(3) ? require_index(given[3], "leeway") : 5;
  const auto end_length = static_cast<int64_t>(count_characters(end));
  if (length < end_length) fail("expected length >= " + std::to_string(end_length) + ", got " + std::to_string(length));
  if (leeway < 0) fail("expected leeway >= 0, got " + std::to_string(leeway));
  if (length_of(interpreter, subject) <= length + leeway) return subject;
  if (!subject.is_string()) fail("truncate needs a string, not " + std::string(type_name(subject)));
  std::string_view kept =
      subject.text().substr(0, byte_offset(subject.text(), static_cast<size_t>(length - end_length)));
  if (!kill_words) kept = kept.substr(0, std::min(kept.rfind(' '), kept.size()));
  const bool markup = subject.string().markup();
  return interpreter.string(std::string(kept) + (markup ? escape_html(end) : end), markup);
}

Value wordcount(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "wordcount", {});
  const std::string text = to_text(interpreter, subject);
  interpreter.work(text.size() * 8);
  Integer words = 0;
  bool inside = false;
  for (size_t i = 0; i < text.size();) {
    const bool word = is_word(decode(text, &i));
    words += word && !inside ? 1 : 0;
    inside = word;
  }
  return Value::integer(words);
}

Value urlencode(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "urlencode", {});
  if (subject.is_string() || !is_iterable(subject)) {
    return interpreter.string(quote_url(to_text(interpreter, subject), false));
  }
  std::string out;
  const Value pairs = subject.is(Kind::kDict) ? interpreter.dict_view(subject, DictViewObject::Part::kItems) : subject;
  for (const Value& pair : collect(interpreter, pairs)) {
    const std::vector<Value> items = collect(interpreter, pair);
    if (items.size() != 2) fail("urlencode needs pairs of a name and a value");
    if (!out.empty()) out += "&";
    out += quote_url(to_text(interpreter, items[0]), true) + "=" + quote_url(to_text(interpreter, items[1]), true);
    interpreter.heap().ensure(out.size() * 2);
  }
  return interpreter.string(std::move(out));
}

Value xmlattr(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "xmlattr", {"autospace"});
  if (!subject.is(Kind::kDict)) fail("xmlattr needs a dict, not " + std::string(type_name(subject)));
  std::string out;
  for (const auto& [key, value] : subject.dict().entries()) {
    interpreter.step();
    if (value.is_none() || value.is_undefined()) continue;
    if (!key.is_string()) fail("attribute names must be strings");
    if (key.text().find_first_of(" \t\n\r\f\v/>=") != std::string_view::npos) {
      fail("Invalid character in attribute name: " + repr_text(key.text()));
    }
    if (!out.empty()) out += " ";
    out += escaped_text(interpreter, key) + "=\"" + escaped_text(interpreter, value) + "\"";
    interpreter.heap().ensure(out.size() * 2);
  }
  const bool space = !given.has(0) || truth(interpreter, given[0]);
  return interpreter.string(space && !out.empty() ? " " + out : out);
}

constexpr FilterEntry kFilters[] = {
    {"upper", upper},
    {"lower", lower},
    {"capitalize", capitalized},
    {"trim", trim},
    {"title", title},
    {"center", center},
    {"replace", replace},
    {"string", to_string},
    {"e", escape},
    {"escape", escape},
    {"forceescape", force_escape},
    {"safe", safe},
    {"striptags", striptags},
    {"format", format},
    {"indent", indent},
    {"truncate", truncate},
    {"wordcount", wordcount},
    {"urlencode", urlencode},
    {"xmlattr", xmlattr},
};

}  // namespace

std::span<const FilterEntry> text_filters() {
  return kFilters;
}

}  // namespace hearth::text::jinja
