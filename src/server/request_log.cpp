// Contract and exclusions: server/request_log.h.
#include "server/request_log.h"

#include <cstdio>

#include "base/utf8.h"

namespace hearth::server {

namespace {

constexpr size_t kMaxPathBytes = 300;
constexpr size_t kMaxErrorBytes = 500;

std::string seconds_text(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, seconds < 0.1 ? "%.4f s" : seconds < 10 ? "%.2f s" : "%.1f s", seconds);
  return text;
}

double rate(int64_t tokens, double milliseconds) {
  return milliseconds > 0 ? static_cast<double>(tokens) * 1e3 / milliseconds : 0;
}

std::string answer_text(const RequestFacts& facts) {
  std::string text = "; " + printable(facts.model) + ", " + std::to_string(facts.prompt_tokens) + " tokens of prompt";
  if (facts.reused_tokens > 0) text += " (" + std::to_string(facts.reused_tokens) + " known)";
  text += ", " + std::to_string(facts.answer_tokens) + " of answer";
  char speed[48];
  std::snprintf(speed, sizeof speed, " at %.1f/s", rate(facts.answer_tokens, facts.answer_ms));
  if (facts.answer_ms > 0) text += speed;
  return text + (facts.finish_reason.empty() ? "" : ", " + facts.finish_reason);
}

}  // namespace

LogLevel level_of(const RequestFacts& facts) {
  const bool probe = facts.path == "/" || facts.path == "/health" || facts.path == "/v1/health" || facts.path == "/hearth/server";
  if (probe && facts.status == 200) return LogLevel::kDebug;
  return facts.status >= 500 ? LogLevel::kWarning : LogLevel::kInfo;
}

std::string line_of(const RequestFacts& facts) {
  std::string line = facts.method.empty() ? "a request that was none" : printable(facts.method, 32) + " " + printable(facts.path, kMaxPathBytes);
  line += (facts.status > 0 ? " " + std::to_string(facts.status) : " -") + " in " + seconds_text(facts.seconds);
  if (!facts.model.empty()) line += answer_text(facts);
  if (facts.client_gone) line += "; the client went away";
  if (!facts.error.empty()) line += "; " + printable(facts.error, kMaxErrorBytes);
  if (!facts.key.empty()) line += "; key " + printable(facts.key);
  line += "; " + facts.id;
  if (!facts.asked.empty()) line += "; asked: " + printable(facts.asked, SIZE_MAX);
  if (!facts.answered.empty()) line += "; answered: " + printable(facts.answered, SIZE_MAX);
  return line;
}

LogFields fields_of(const RequestFacts& facts) {
  LogFields fields = {{"request_id", facts.id},
                      {"method", facts.method},
                      {"path", facts.path.substr(0, kMaxPathBytes)},
                      {"status", static_cast<int64_t>(facts.status)},
                      {"seconds", facts.seconds}};
  const auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) fields.push_back({name, value});
  };
  text("route", facts.route);
  text("dialect", facts.dialect);
  text("key", facts.key);
  if (facts.client_gone) fields.push_back({"client_gone", true});
  if (!facts.model.empty()) {
    text("model", facts.model);
    fields.insert(fields.end(), {{"answers", static_cast<int64_t>(facts.answers)},
                                 {"prompt_tokens", facts.prompt_tokens},
                                 {"reused_tokens", facts.reused_tokens},
                                 {"answer_tokens", facts.answer_tokens},
                                 {"load_ms", facts.load_ms},
                                 {"prompt_ms", facts.prompt_ms},
                                 {"answer_ms", facts.answer_ms}});
    text("finish_reason", facts.finish_reason);
  }
  text("error", facts.error.substr(0, kMaxErrorBytes));
  text("asked", facts.asked);
  text("answered", facts.answered);
  return fields;
}

void log_request(const RequestFacts& facts) {
  const LogLevel level = level_of(facts);
  if (log_enabled(level)) log(level, line_of(facts), fields_of(facts));
}

}  // namespace hearth::server
