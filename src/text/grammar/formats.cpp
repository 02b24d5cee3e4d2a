// The standard formats as patterns. Where a standard allows more than is ever wanted, the pattern is narrower: lengths are
// bounded, and there are no leap seconds, quoted local parts or address literals.
//
// Contract: every string of a pattern is valid in the format. Formats unknown here are annotations, as the standard says.
// Not here: int32 and int64, which bound numbers (schema_scalar.cpp).
#include <string>
#include <unordered_map>

#include "text/grammar/schema_compiler.h"

namespace hearth::text::grammar {

namespace {

const std::string kDate =
    "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    "|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)";
const std::string kTime = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";
const std::string kLabel = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?";
const std::string kAtom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,30}";
const std::string kByte4 = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
const std::string kH = "[0-9A-Fa-f]{1,4}";
const std::string kIpv6 = "(?:(?:H:){7}H|(?:H:){1,7}:|(?:H:){1,6}:H|(?:H:){1,5}(?::H){1,2}|(?:H:){1,4}(?::H){1,3}|(?:H:){1,3}(?::H){1,4}"
                          "|(?:H:){1,2}(?::H){1,5}|H:(?::H){1,6}|:(?:(?::H){1,7}|:))";
const std::string kP = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})";
const std::string kTail = "(?:\\?(?:" + kP + "|[/?])*)?(?:#(?:" + kP + "|[/?])*)?";
const std::string kScheme = "[A-Za-z][A-Za-z0-9+.-]{0,15}:";
const std::string kAuthority = "(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})+(?::[0-9]{1,5})?";
const std::string kUri = kScheme + "(?://" + kAuthority + "(?:/" + kP + "*)*|" + kP + "+(?:/" + kP + "*)*)" + kTail;
const std::string kSegmentWithoutColon = "(?:[A-Za-z0-9._~!$&'()*+,;=@-]|%[0-9A-Fa-f]{2})+";
const std::string kReference = "(?:" + kUri + "|(?:/|(?:/" + kP + "+)+|" + kSegmentWithoutColon + "(?:/" + kP + "*)*)?" + kTail + ")";
const std::string kPointer = "(?:/(?:[^/~]|~[01])*)*";
const std::string kDayPart = "(?:[0-9]{1,6}Y(?:[0-9]{1,6}M)?(?:[0-9]{1,6}D)?|[0-9]{1,6}M(?:[0-9]{1,6}D)?|[0-9]{1,6}D)";
const std::string kTimePart = "T(?:[0-9]{1,6}H(?:[0-9]{1,6}M)?(?:[0-9]{1,6}S)?|[0-9]{1,6}M(?:[0-9]{1,6}S)?|[0-9]{1,6}S)";

std::string with_hex(std::string pattern) {
  std::string out;
  for (const char c : pattern) {
    if (c == 'H') out += kH;
    else out += c;
  }
  return out;
}

std::string whole(const std::string& pattern) { return "^(?:" + pattern + ")$"; }

std::unordered_map<std::string_view, std::string> make_patterns() {
  const std::string email = kAtom + "(?:\\." + kAtom + "){0,3}@(?:" + kLabel + "\\.){1,4}" + kLabel;
  const std::string hostname = kLabel + "(?:\\." + kLabel + "){0,6}";
  const std::string url = "https?://[a-z0-9]+(?:-[a-z0-9]+)*(?:\\.[a-z0-9]+(?:-[a-z0-9]+)*)*\\.[a-z]{2,}(?::[0-9]{2,5})?"
                          "(?:/[A-Za-z0-9._~!$&'()*+,;=:@/?#-]*)?";
  const std::string date_time = kDate + "T" + kTime;
  return {
      {"date", whole(kDate)}, {"time", whole(kTime)}, {"date-time", whole(date_time)}, {"iso-time", whole(kTime)},
      {"iso-date-time", whole(date_time)}, {"duration", whole("P(?:[0-9]{1,6}W|" + kDayPart + "(?:" + kTimePart + ")?|" + kTimePart + ")")},
      {"email", whole(email)}, {"idn-email", whole(email)}, {"hostname", whole(hostname)}, {"idn-hostname", whole(hostname)},
      {"ipv4", whole("(?:" + kByte4 + "\\.){3}" + kByte4)}, {"ipv6", whole(with_hex(kIpv6))},
      {"uuid", whole("[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")},
      {"uri", whole(kUri)}, {"iri", whole(kUri)}, {"uri-reference", whole(kReference)}, {"iri-reference", whole(kReference)},
      {"url", whole(url)},
      {"uri-template", whole("(?:[A-Za-z0-9._~:/?#@!$&()*+,;=-]|%[0-9A-Fa-f]{2}|\\{[A-Za-z0-9_]+\\})*")},
      {"json-pointer", whole(kPointer)}, {"relative-json-pointer", whole("(?:0|[1-9][0-9]{0,8})(?:#|" + kPointer + ")")},
      {"byte", whole("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")},
  };
}

}  // namespace

std::optional<Format> find_format(std::string_view name) {
  static const std::unordered_map<std::string_view, std::string> patterns = make_patterns();
  const auto found = patterns.find(name);
  if (found != patterns.end()) return Format{found->second.c_str(), true};
  if (name == "regex" || name == "json-pointer-uri-fragment") return Format{nullptr, false};
  return std::nullopt;
}

}  // namespace hearth::text::grammar
