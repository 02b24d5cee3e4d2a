// Renders templates given as JSON lines on stdin, for the differential runs of tests/oracle/template_fuzz.py.
//
// Contract: each line {"template", "variables", "now"?} gives one line {"text"} or {"error", "code"}; "now" is
// [year, month, day, hour, minute, second]. Not here: expected results.
#include <ctime>
#include <iostream>
#include <string>

#include "nlohmann/json.hpp"
#include "text/jinja/template.h"

namespace {

using Json = nlohmann::ordered_json;

Json render(const Json& request) {
  std::tm now{};
  if (request.contains("now")) {
    const Json& parts = request["now"];
    now.tm_year = parts[0].get<int>() - 1900;
    now.tm_mon = parts[1].get<int>() - 1;
    now.tm_mday = parts[2].get<int>();
    now.tm_hour = parts[3].get<int>();
    now.tm_min = parts[4].get<int>();
    now.tm_sec = parts[5].get<int>();
    now.tm_isdst = -1;
    timegm(&now);
  }
  auto compiled = hearth::text::jinja::Template::compile(request["template"].get<std::string>());
  if (!compiled) return {{"error", compiled.error().message}, {"code", static_cast<int>(compiled.error().code)}};
  auto text = (*compiled)->render(request["variables"], request.contains("now") ? &now : nullptr);
  if (!text) return {{"error", text.error().message}, {"code", static_cast<int>(text.error().code)}};
  return {{"text", *text}};
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::cout << render(Json::parse(line)).dump(-1, ' ', true, Json::error_handler_t::replace) << "\n";
  }
}
