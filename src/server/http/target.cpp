// Request targets: paths and queries, percent-decoded and checked.
//
// Contract: see request_parser.h; pure. What comes out is valid UTF-8 without control characters in the path and
// without NUL anywhere, so that it can stand in messages and JSON, and no path leads upwards. Not here: which paths
// there are (server/routes.h).
#include "base/utf8.h"
#include "server/http/request_parser.h"

namespace hearth::server {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Error bad(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

Result<std::string> decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return bad("The URL has a % that two hexadecimal digits do not follow.");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (c == '\0') return bad("The URL has a NUL character.");
    out.push_back(c);
  }
  if (!is_valid_utf8(out)) return bad("The URL is not UTF-8.");
  return out;
}

Result<void> check_path(std::string_view path) {
  for (const char c : path) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return bad("The URL's path has a control character.");
  }
  for (size_t begin = 1; begin <= path.size();) {
    const size_t end = std::min(path.find_first_of("/\\", begin), path.size());
    const std::string_view segment = path.substr(begin, end - begin);
    if (segment == "." || segment == "..") return bad("The URL's path has a \".\" or \"..\" segment.");
    begin = end + 1;
  }
  return {};
}

Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> query;
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    const std::string_view item = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (item.empty()) continue;
    const size_t equals = std::min(item.find('='), item.size());
    auto name = TRY(decode(item.substr(0, equals), true));
    auto value = TRY(decode(item.substr(std::min(equals + 1, item.size())), true));
    query.emplace_back(std::move(name), std::move(value));
  }
  return query;
}

}  // namespace

Result<Target> parse_target(std::string_view method, std::string_view text) {
  Target target;
  if (method == "OPTIONS" && text == "*") {
    target.path = "*";
    return target;
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    text.remove_prefix(scheme.size());
    const size_t end = std::min(text.find_first_of("/?#"), text.size());
    target.authority = text.substr(0, end);
    text.remove_prefix(end);
    if (target.authority.empty()) return bad("The URL names no host.");
    break;
  }
  if (!target.authority.empty() && (text.empty() || text.front() == '?')) {
    target.path = "/";
  } else if (!text.starts_with('/')) {
    return bad("The request's target is neither a path nor a URL.");
  }
  if (text.find('#') != std::string_view::npos) return bad("The URL has a fragment (#), which is not sent to servers.");
  const size_t question = std::min(text.find('?'), text.size());
  if (target.path.empty()) target.path = TRY(decode(text.substr(0, question), false));
  TRY(check_path(target.path));
  target.query = TRY(parse_query(text.substr(std::min(question + 1, text.size()))));
  return target;
}

}  // namespace hearth::server
