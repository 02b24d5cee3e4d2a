// Contract and exclusions: whole_answer.h.
#include "text/tools/whole_answer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "text/grammar/json_value.h"
#include "text/grammar/recogniser.h"
#include "text/grammar/schema.h"

namespace hearth::text::tools {

namespace {

using grammar::JsonValue;

constexpr std::string_view kTicks = "```";
constexpr size_t kMaxLanguageBytes = 16;
constexpr std::array<std::string_view, 8> kTags = {"<tools>", "<tool>", "<function_call>", "<function_calls>",
                                                   "<json>", "<JSON>", "<response>", "<xml>"};
constexpr std::array<std::string_view, 3> kNameKeys = {"name", "tool_name", "function"};
constexpr std::array<std::string_view, 3> kArgumentKeys = {"arguments", "parameters", "args"};
constexpr std::array<std::string_view, 3> kOtherKeys = {"type", "id", "tool_call_id"};

template <size_t N>
bool contains(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_call_key(std::string_view key) { return contains(kNameKeys, key) || contains(kArgumentKeys, key) || contains(kOtherKeys, key); }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Without its fence or tags. The closing one may be missing: a stop string may have taken it.
std::string_view unwrapped(std::string_view text) {
  text = trimmed(text);
  std::string closing;
  if (text.starts_with(kTicks)) {
    text.remove_prefix(std::min(text.size(), std::min(text.find('\n'), text.find_first_of("{["))));
    closing = kTicks;
  } else {
    for (const std::string_view tag : kTags) {
      if (!text.starts_with(tag)) continue;
      text.remove_prefix(tag.size());
      closing = "</" + std::string(tag.substr(1));
      break;
    }
  }
  text = trimmed(text);
  if (!closing.empty() && text.ends_with(closing)) text.remove_suffix(closing.size());
  return trimmed(text);
}

// Some templates show a call in doubled braces, which their models copy: {{"name": ...}}.
bool is_doubled(std::string_view text) {
  const size_t inner = text.find_first_not_of(" \t\r\n", 1);
  return text.front() == '{' && inner != std::string_view::npos && text[inner] == '{';
}

// Values one behind the other, with white space, ',' or ';' between.
std::optional<std::vector<JsonValue>> read_values(std::string_view text) {
  std::vector<JsonValue> values;
  while (!text.empty()) {
    const bool doubled = is_doubled(text);
    if (doubled) text = trimmed(text.substr(1));
    JsonScanner scanner;
    size_t length = 0;
    JsonScanner::Status status = JsonScanner::Status::kMore;
    while (length < text.size() && status == JsonScanner::Status::kMore) status = scanner.push(text[length++]);
    if (status != JsonScanner::Status::kDone) return std::nullopt;
    auto value = grammar::parse_json(text.substr(0, length));
    if (!value.ok()) return std::nullopt;
    if (value->is_array()) {
      for (JsonValue& item : value->items) values.push_back(std::move(item));
    } else {
      values.push_back(std::move(*value));
    }
    text = trimmed(text.substr(length));
    if (doubled && (text.empty() || text.front() != '}')) return std::nullopt;
    if (doubled) text = trimmed(text.substr(1));
    while (!text.empty() && (text.front() == ',' || text.front() == ';')) text = trimmed(text.substr(1));
  }
  return values;
}

const JsonValue* member(const JsonValue& object, const std::array<std::string_view, 3>& names) {
  for (const std::string_view name : names) {
    if (const JsonValue* value = object.find(name)) return value;
  }
  return nullptr;
}

// Where a keyword cannot be checked on a value, what the grammar would let through is valid.
bool is_valid(std::string_view schema, const JsonValue& arguments) {
  const Result<bool> valid = grammar::satisfies(schema, arguments);
  if (valid.ok()) return *valid;
  Result<grammar::Rules> rules = grammar::compile_schema(schema);
  if (!rules.ok()) return false;
  grammar::Recogniser recogniser(std::move(rules).value());
  grammar::StateId state = recogniser.start();
  for (const char c : grammar::write_json(arguments)) {
    if (state == grammar::kDeadState || recogniser.overflowed()) return false;
    state = recogniser.step(state, static_cast<uint8_t>(c));
  }
  return !recogniser.overflowed() && recogniser.can_end(state);
}

std::optional<ParsedCall> read_call(const ToolRequest& tools, const JsonValue& value, int depth = 0) {
  if (!value.is_object()) return std::nullopt;
  for (const std::string& key : value.names) {
    if (!is_call_key(key)) return std::nullopt;
  }
  const JsonValue* name = member(value, kNameKeys);
  if (name != nullptr && name->is_object() && depth == 0) return read_call(tools, *name, 1);
  if (name == nullptr || !name->is_string()) return std::nullopt;
  const ToolDefinition* tool = tools.find(name->text);
  if (tool == nullptr || (tools.choice == ToolChoice::kNamed && name->text != tools.name)) return std::nullopt;
  const JsonValue* given = member(value, kArgumentKeys);
  JsonValue arguments = given != nullptr ? *given : JsonValue::object();
  if (arguments.is_string()) {
    auto inner = grammar::parse_json(arguments.text);
    if (!inner.ok()) return std::nullopt;
    arguments = std::move(*inner);
  }
  if (!arguments.is_object()) return std::nullopt;
  if (!is_valid(tool->schema(), arguments)) return std::nullopt;
  return ParsedCall{"", name->text, grammar::write_json(arguments)};
}

}  // namespace

std::optional<std::vector<ParsedCall>> whole_answer_calls(const ToolRequest& tools, std::string_view answer) {
  const std::optional<std::vector<JsonValue>> values = read_values(unwrapped(answer));
  if (!values || values->empty() || (!tools.parallel && values->size() > 1)) return std::nullopt;
  std::vector<ParsedCall> calls;
  for (const JsonValue& value : *values) {
    std::optional<ParsedCall> call = read_call(tools, value);
    if (!call) return std::nullopt;
    calls.push_back(std::move(*call));
  }
  return calls;
}

bool WholeAnswerGate::push(char c) {
  switch (phase_) {
    case Phase::kStart:
      if (is_blank(c)) return true;
      phase_ = c == '`' ? Phase::kTicks : c == '<' ? Phase::kTag : Phase::kJson;
      if (phase_ == Phase::kJson) return json(c);
      word_ = c;
      return true;
    case Phase::kTicks:
      word_.push_back(c);
      if (word_ == kTicks) {
        closing_ = kTicks;
        word_.clear();
        phase_ = Phase::kLanguage;
      }
      return c == '`';
    case Phase::kLanguage:
      if (c == '{' || c == '[' || is_blank(c)) {
        phase_ = Phase::kBefore;
        return is_blank(c) || json(c);
      }
      word_.push_back(c);
      return word_.size() <= kMaxLanguageBytes && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_');
    case Phase::kTag:
      word_.push_back(c);
      if (contains(kTags, word_)) {
        closing_ = "</" + word_.substr(1);
        phase_ = Phase::kBefore;
        return true;
      }
      return std::any_of(kTags.begin(), kTags.end(), [&](std::string_view tag) { return tag.starts_with(word_); });
    case Phase::kBefore: return is_blank(c) || json(c);
    case Phase::kJson: return json(c);
    case Phase::kBehind:
      if (is_blank(c)) return true;
      if (closed_ < closing_.size() && c == closing_[closed_]) {
        ++closed_;
        return true;
      }
      if (closed_ > 0) return false;
      if (c == '}') return std::exchange(doubled_, false);
      if (doubled_) return false;
      return c == ',' || c == ';' || ((c == '{' || c == '[') && json(c));
  }
  return false;
}

// An object whose first member is none that calls have is no call.
bool WholeAnswerGate::json(char c) {
  if (phase_ != Phase::kJson) {
    phase_ = Phase::kJson;
    scanner_ = JsonScanner();
    first_key_ = doubled_ = false;
    key_.clear();
  }
  if (scanner_.depth() == 0 && c != '{' && c != '[') return false;
  if (c == '{' && scanner_.depth() == 1 && scanner_.place() == JsonScanner::Place::kFirstName && !doubled_) {
    doubled_ = true;
    return true;
  }
  const bool in_name = scanner_.string_is_name() && scanner_.in_string();
  const JsonScanner::Status status = scanner_.push(c);
  if (status == JsonScanner::Status::kBad) return false;
  if (in_name && !first_key_) {
    if (scanner_.in_string()) {
      key_.push_back(c);
      if (key_.size() > kMaxLanguageBytes) return false;
    } else {
      first_key_ = true;
      if (!is_call_key(key_)) return false;
    }
  }
  if (status == JsonScanner::Status::kDone) phase_ = Phase::kBehind;
  return true;
}

}  // namespace hearth::text::tools
