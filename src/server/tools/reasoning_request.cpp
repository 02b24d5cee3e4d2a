// Contract and exclusions: server/tools/reasoning_request.h.
#include "server/tools/reasoning_request.h"

#include <algorithm>
#include <array>

namespace hearth::server {

namespace {

constexpr int64_t kMaxBudget = 1'000'000'000;

class ReasoningReader {
 public:
  ReasoningWishes& wishes() { return wishes_; }
  const std::optional<ApiError>& error() const { return error_; }

  void fail(std::string message, const std::string& field) {
    if (!error_) error_ = bad_request(std::move(message), field);
  }

  void set(bool on, const std::string& field) {
    wishes_.on = on;
    wishes_.field = field;
  }

  // "none" and "off" turn it off, "on" and levels turn it on.
  void level(const Json& value, const std::string& field) {
    constexpr std::array kLevels = {"minimal", "low", "medium", "high", "xhigh", "max"};
    if (!value.is_string()) return fail("'" + field + "' must be a string, not " + value.type_name(), field);
    const std::string& name = value.get_ref<const std::string&>();
    if (name.empty() || name == "auto" || name == "default") return;
    if (name == "none" || name == "off") return set(false, field);
    if (name == "on") return set(true, field);
    if (std::find(kLevels.begin(), kLevels.end(), name) == kLevels.end()) {
      return fail("'" + field + "' can be none, minimal, low, medium, high, xhigh or max, not \"" + name.substr(0, 40) + "\"", field);
    }
    set(true, field);
    // Templates know three; what is beyond them is the nearest.
    wishes_.effort = name == "minimal" ? "low" : name == "xhigh" || name == "max" ? "high" : name;
  }

  // Negative: no limit. 0 is no reasoning at all.
  void budget(const Json& value, const std::string& field) {
    if (!value.is_number_integer() || value > kMaxBudget) return fail("'" + field + "' must be a number of tokens", field);
    const auto tokens = value.get<int64_t>();
    if (tokens == 0) return set(false, field);
    wishes_.budget = tokens < 0 ? -1 : tokens;
  }

  void flag(const Json& value, const std::string& field) {
    if (!value.is_boolean()) return fail("'" + field + "' must be true or false, not " + value.type_name(), field);
    set(value.get<bool>(), field);
  }

 private:
  ReasoningWishes wishes_;
  std::optional<ApiError> error_;
};

// llama-server's, taken wherever its clients may send them.
void read_native_fields(const Json& body, ReasoningReader* reader) {
  if (const Json* format = find_member(body, "reasoning_format")) {
    if (*format == "none") {
      reader->wishes().apart = false;
    } else if (*format != "auto" && *format != "deepseek" && *format != "deepseek-legacy") {
      reader->fail("'reasoning_format' can be none, auto or one of llama-server's other names", "reasoning_format");
    }
  }
  for (const char* name : {"reasoning_budget", "reasoning_budget_tokens", "thinking_budget_tokens"}) {
    if (const Json* budget = find_member(body, name)) reader->budget(*budget, name);
  }
  if (const Json* on = find_member(body, "enable_thinking")) reader->flag(*on, "enable_thinking");
  const Json* variables = find_member(body, "chat_template_kwargs");
  if (variables == nullptr || !variables->is_object()) return;
  for (const char* name : {"enable_thinking", "thinking"}) {
    const std::string field = std::string("chat_template_kwargs.") + name;
    if (const Json* on = find_member(*variables, name); on && on->is_boolean()) reader->set(on->get<bool>(), field);
  }
}

// "reasoning": {"effort", "max_tokens", "enabled"} of responses and of routers, or LM Studio's "reasoning": "low".
void read_object(const Json& body, Dialect dialect, ReasoningReader* reader) {
  const Json* reasoning = find_member(body, "reasoning");
  if (reasoning == nullptr) return;
  if (reasoning->is_string()) {
    reader->wishes().insists = dialect == Dialect::kLmStudio;
    return reader->level(*reasoning, "reasoning");
  }
  if (!reasoning->is_object()) return reader->fail("'reasoning' must be an object", "reasoning");
  if (const Json* effort = find_member(*reasoning, "effort")) reader->level(*effort, "reasoning.effort");
  if (const Json* budget = find_member(*reasoning, "max_tokens")) reader->budget(*budget, "reasoning.max_tokens");
  if (const Json* on = find_member(*reasoning, "enabled")) reader->flag(*on, "reasoning.enabled");
}

void read_ollama(const Json& body, ReasoningReader* reader) {
  const Json* think = find_member(body, "think");
  if (think == nullptr) return;
  if (!think->is_boolean() && !think->is_string()) {
    return reader->fail(std::string("'think' must be true, false or a level, not ") + think->type_name(), "think");
  }
  think->is_boolean() ? reader->flag(*think, "think") : reader->level(*think, "think");
  reader->wishes().insists = true;
}

void read_anthropic(const Json& body, ReasoningReader* reader) {
  const Json* config = find_member(body, "output_config");
  const Json* effort = config && config->is_object() ? find_member(*config, "effort") : nullptr;
  if (effort) reader->level(*effort, "output_config.effort");
  reader->set(false, "thinking");
  const Json* thinking = find_member(body, "thinking");
  if (thinking == nullptr) return;
  if (!thinking->is_object()) return reader->fail("'thinking' must be an object", "thinking");
  const Json* type = find_member(*thinking, "type");
  if (type == nullptr || !type->is_string()) return reader->fail("'thinking.type' must be a string", "thinking.type");
  if (*type != "adaptive" && *type != "disabled" && *type != "enabled") {
    return reader->fail("'thinking.type' must be \"enabled\", \"disabled\" or \"adaptive\"", "thinking.type");
  }
  const Json* budget = find_member(*thinking, "budget_tokens");
  if (budget && (!budget->is_number_integer() || *budget < 0)) {
    return reader->fail("'thinking.budget_tokens' must be a number of tokens", "thinking.budget_tokens");
  }
  if (*type == "adaptive") reader->wishes().on.reset();
  if (*type == "enabled") {
    reader->set(true, "thinking");
    if (budget) reader->budget(*budget, "thinking.budget_tokens");
  }
}

}  // namespace

Checked<ReasoningWishes> read_reasoning(const Json& body, Dialect dialect) {
  ReasoningReader reader;
  if (dialect == Dialect::kOllama) {
    read_ollama(body, &reader);
  } else if (dialect == Dialect::kAnthropic) {
    read_anthropic(body, &reader);
  } else {
    if (const Json* effort = find_member(body, "reasoning_effort")) reader.level(*effort, "reasoning_effort");
    read_object(body, dialect, &reader);
    read_native_fields(body, &reader);
  }
  if (reader.error()) return *reader.error();
  return std::move(reader.wishes());
}

}  // namespace hearth::server
