// Tags, character references, URL quoting; see html_text.h.
#include "text/jinja/html_text.h"

#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

struct Entity {
  std::string_view name;
  char32_t character;
};

constexpr Entity kEntities[] = {
    {"amp", '&'},      {"lt", '<'},       {"gt", '>'},        {"quot", '"'},     {"apos", '\''},    {"AMP", '&'},
    {"LT", '<'},       {"GT", '>'},       {"QUOT", '"'},      {"nbsp", 0xA0},    {"iexcl", 0xA1},   {"cent", 0xA2},
    {"pound", 0xA3},   {"curren", 0xA4},  {"yen", 0xA5},      {"brvbar", 0xA6},  {"sect", 0xA7},    {"uml", 0xA8},
    {"copy", 0xA9},    {"ordf", 0xAA},    {"laquo", 0xAB},    {"not", 0xAC},     {"shy", 0xAD},     {"reg", 0xAE},
    {"macr", 0xAF},    {"deg", 0xB0},     {"plusmn", 0xB1},   {"sup2", 0xB2},    {"sup3", 0xB3},    {"acute", 0xB4},
    {"micro", 0xB5},   {"para", 0xB6},    {"middot", 0xB7},   {"cedil", 0xB8},   {"sup1", 0xB9},    {"ordm", 0xBA},
    {"raquo", 0xBB},   {"frac14", 0xBC},  {"frac12", 0xBD},   {"frac34", 0xBE},  {"iquest", 0xBF},  {"times", 0xD7},
    {"divide", 0xF7},  {"auml", 0xE4},    {"ouml", 0xF6},     {"uuml", 0xFC},    {"Auml", 0xC4},    {"Ouml", 0xD6},
    {"Uuml", 0xDC},    {"szlig", 0xDF},   {"eacute", 0xE9},   {"egrave", 0xE8},  {"agrave", 0xE0},  {"ccedil", 0xE7},
    {"ntilde", 0xF1},  {"ndash", 0x2013}, {"mdash", 0x2014},  {"lsquo", 0x2018}, {"rsquo", 0x2019}, {"ldquo", 0x201C},
    {"rdquo", 0x201D}, {"bull", 0x2022},  {"hellip", 0x2026}, {"euro", 0x20AC},  {"trade", 0x2122}, {"larr", 0x2190},
    {"rarr", 0x2192},
};

// The character reference at text[*i] == '&'; false if there is none.
bool reference(std::string_view text, size_t* i, char32_t* character) {
  const size_t end = text.find(';', *i);
  if (end == std::string_view::npos || end - *i > 12) return false;
  const std::string_view body = text.substr(*i + 1, end - *i - 1);
  if (body.size() > 1 && body[0] == '#') {
    const bool hexadecimal = body[1] == 'x' || body[1] == 'X';
    const std::string_view digits = body.substr(hexadecimal ? 2 : 1);
    char32_t value = 0;
    if (digits.empty()) return false;
    for (char c : digits) {
      const int low = c | 0x20;
      const int digit = c >= '0' && c <= '9' ? c - '0' : hexadecimal && low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
      if (digit < 0) return false;
      value = std::min<char32_t>(value * (hexadecimal ? 16 : 10) + static_cast<char32_t>(digit), 0x110000);
    }
    *character = value > 0x10FFFF || value == 0 || (value >= 0xD800 && value <= 0xDFFF) ? 0xFFFD : value;
    *i = end + 1;
    return true;
  }
  for (const Entity& entity : kEntities) {
    if (entity.name != body) continue;
    *character = entity.character;
    *i = end + 1;
    return true;
  }
  return false;
}

}  // namespace

std::string remove_tags(std::string_view text) {
  std::string out;
  size_t position = 0;
  while (true) {
    const size_t start = text.find('<', position);
    if (start == std::string_view::npos) break;
    const bool comment = text.substr(start, 4) == "<!--";
    const size_t end = comment ? text.find("-->", start + 4) : text.find('>', start);
    if (end == std::string_view::npos) break;
    out += text.substr(position, start - position);
    position = end + (comment ? 3 : 1);
  }
  return out.append(text.substr(position));
}

std::string collapse_space(std::string_view text) {
  std::string out;
  text = strip(text);
  bool space = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = decode(text, &i);
    if (is_space(c)) {
      space = true;
      continue;
    }
    if (space) out += ' ';
    space = false;
    append_utf8(&out, c);
  }
  return out;
}

std::string unescape_html(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    char32_t character = 0;
    if (text[i] == '&' && reference(text, &i, &character)) {
      append_utf8(&out, character);
    } else {
      out += text[i++];
    }
  }
  return out;
}

std::string quote_url(std::string_view text, bool for_query) {
  std::string out;
  for (char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
                       c == '.' || c == '-' || c == '~' || (c == '/' && !for_query);
    if (plain) {
      out += c;
    } else if (c == ' ' && for_query) {
      out += '+';
    } else {
      out += '%';
      out += "0123456789ABCDEF"[static_cast<uint8_t>(c) >> 4];
      out += "0123456789ABCDEF"[static_cast<uint8_t>(c) & 15];
    }
  }
  return out;
}

}  // namespace hearth::text::jinja
