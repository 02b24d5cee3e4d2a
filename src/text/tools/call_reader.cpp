// The phases of a section of calls. Contract and exclusions: call_reader.h.
#include "text/tools/call_reader.h"

#include <algorithm>

#include "text/grammar/json_value.h"

namespace hearth::text::tools {

namespace {

using Step = CallReader::Step;
using Place = JsonScanner::Place;

constexpr std::string_view kParameterBegin = "<parameter=", kParameterEnd = "</parameter>";

std::string without_blanks(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (!is_blank(c)) result.push_back(c);
  }
  return result;
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::string_view("_-.:/").find(c) != std::string_view::npos;
}

// The characters of a JSON string in quotes; its text as it is if it is none.
std::string string_value(std::string_view written) {
  const auto value = grammar::parse_json(written);
  return value.ok() && value->is_string() ? value->text : std::string(written);
}

}  // namespace

CallReader::CallReader(const CallForm& form, const ToolRequest& tools, std::string_view opening, EventSink* sink)
    : form_(form), tools_(tools), sink_(*sink), again_(without_blanks(form.call_begin)), name_end_(without_blanks(form.name_end)),
      call_end_(without_blanks(form.call_end)), section_end_(without_blanks(form.section_end)), raw_(opening) {
  opening_ = without_blanks(form.section_begin + form.call_begin);
  opening_.erase(0, std::min(opening_.size(), without_blanks(opening).size()));
  if (opening_.empty()) phase_ = form.kind == CallForm::Kind::kJson ? Phase::kPayload : Phase::kName;
}

std::string_view CallReader::end_mark() const {
  std::string_view end = form_.section_end.empty() ? form_.call_end : form_.section_end;
  while (!end.empty() && is_blank(end.back())) end.remove_suffix(1);
  return end.substr(end.find_last_of(" \n") + 1);
}

Step CallReader::fail(std::string what) {
  if (held_end_) end_held();
  if (!committed_) {
    unread_ = raw_.substr(std::min(raw_.size(), form_.mark.size()));
    return Step::kNotACall;
  }
  problem_ = std::move(what);
  return Step::kBroken;
}

// The call is told as soon as its name is known, since arguments may be long.
Step CallReader::call_named(std::string name) {
  committed_ = true;
  if (tools_.find(name) == nullptr) return fail("it calls '" + name.substr(0, kMaxToolNameBytes) + "', which is not a declared tool");
  name_ = std::move(name);
  has_name_ = true;
  sink_.begin_call(name_);
  sink_.arguments(held_arguments_);
  held_arguments_.clear();
  return Step::kMore;
}

void CallReader::end_held() {
  held_end_ = false;
  sink_.end_call(std::move(raw_));
  raw_.clear();
}

Step CallReader::end_call() {
  held_end_ = true;
  matched_ = 0;
  unread_.clear();
  phase_ = in_list_ ? Phase::kListNext : Phase::kClosing;
  if (phase_ == Phase::kClosing && call_end_.empty()) {
    phase_ = Phase::kBetween;
    if (section_end_.empty()) {
      end_held();
      return Step::kEnded;
    }
  }
  return Step::kMore;
}

// The next call of the section begins.
void CallReader::restart() {
  if (held_end_) end_held();
  scanner_ = JsonScanner();
  key_.clear();
  value_.clear();
  in_value_ = value_is_object_ = streams_ = has_name_ = has_arguments_ = false;
  name_.clear();
  parameters_ = 0;
  matched_ = 0;
}

Step CallReader::push(char c) {
  raw_.push_back(c);
  switch (phase_) {
    case Phase::kOpening: return opening(c);
    case Phase::kPayload: return form_.kind == CallForm::Kind::kJson ? object(c) : arguments(c);
    case Phase::kName: return name(c);
    case Phase::kId: return id(c);
    case Phase::kNameEnd: return name_end(c);
    case Phase::kListNext: return list_next(c);
    case Phase::kParameters: return parameters(c);
    case Phase::kKey: return parameter_key(c);
    case Phase::kValue: return parameter_value(c);
    case Phase::kClosing: return closing(c);
    case Phase::kBetween: return between(c);
  }
  return Step::kBroken;
}

Step CallReader::opening(char c) {
  if (is_blank(c)) return Step::kMore;
  if (c != opening_[matched_]) return fail("its beginning is incomplete");
  if (++matched_ < opening_.size()) return Step::kMore;
  matched_ = 0;
  phase_ = form_.kind == CallForm::Kind::kJson ? Phase::kPayload : Phase::kName;
  return Step::kMore;
}

Step CallReader::name(char c) {
  if (is_name_character(c) && name_.size() < kMaxToolNameBytes) {
    name_.push_back(c);
    return Step::kMore;
  }
  if (name_.empty()) return is_blank(c) ? Step::kMore : fail("it has no name");
  phase_ = Phase::kNameEnd;
  matched_ = 0;
  return name_end(c);
}

Step CallReader::name_end(char c) {
  if (is_blank(c)) return Step::kMore;
  if (matched_ == 0 && !form_.id_begin.empty() && c == form_.id_begin[0] && (name_end_.empty() || c != name_end_[0])) {
    phase_ = Phase::kId;
    return id(c);
  }
  if (matched_ < name_end_.size()) {
    if (c != name_end_[matched_]) {
      // An id and what ends the name begin alike.
      const bool may_be_id = matched_ < form_.id_begin.size() && form_.id_begin.compare(0, matched_, name_end_, 0, matched_) == 0 &&
                             form_.id_begin[matched_] == c;
      if (!may_be_id) return fail("nothing separates its name from its arguments");
      phase_ = Phase::kId;
      return id(c);
    }
    if (++matched_ < name_end_.size() || form_.kind != CallForm::Kind::kParameters) return Step::kMore;
    matched_ = 0;
    phase_ = Phase::kParameters;
    return call_named(std::string(name_));
  }
  // Only an object makes it a call: a mark in prose is no beginning of one.
  if (c != '{') return fail("its arguments are no object");
  matched_ = 0;
  if (const Step named = call_named(std::string(name_)); named != Step::kMore) return named;
  phase_ = Phase::kPayload;
  return arguments(c);
}

Step CallReader::id(char c) {
  if (matched_ < form_.id_begin.size()) {
    if (c != form_.id_begin[matched_]) return fail("the mark of its id is incomplete");
    ++matched_;
    return Step::kMore;
  }
  if (is_name_character(c)) return Step::kMore;
  matched_ = 0;
  if (c != name_end_[0]) return fail("nothing separates its id from its arguments");
  phase_ = Phase::kNameEnd;
  matched_ = 1;
  return Step::kMore;
}

// kNamed: the value behind the name.
Step CallReader::arguments(char c) {
  const std::string_view escaped = scanner_.in_string() ? escaped_control(c) : std::string_view();
  const JsonScanner::Status status = scanner_.push(c);
  if (status == JsonScanner::Status::kBad) return fail("its arguments are not JSON");
  sink_.arguments(escaped.empty() ? std::string_view(&c, 1) : escaped);
  return status == JsonScanner::Status::kDone ? end_call() : Step::kMore;
}

bool CallReader::is_name_key(std::string_view key) const {
  return key == form_.name_key || key == "name" || key == "tool_name" || key == "function";
}

bool CallReader::is_arguments_key(std::string_view key) const {
  return key == form_.arguments_key || key == "arguments" || key == "parameters";
}

// kJson: an object with the name and the arguments, or a list of such.
Step CallReader::object(char c) {
  if (scanner_.depth() == 0 && scanner_.place() == Place::kValue) {
    if (is_blank(c)) return Step::kMore;
    if (c == '[' && !in_list_) {
      in_list_ = true;
      return Step::kMore;
    }
    if (c != '{') return fail("it is no object");
    committed_ = true;
    restart();
  }
  const Place before = scanner_.place();
  const size_t depth_before = scanner_.depth();
  const bool in_name = scanner_.string_is_name() && scanner_.in_string();
  const std::string_view escaped = scanner_.in_string() ? escaped_control(c) : std::string_view();
  const JsonScanner::Status status = scanner_.push(c);
  if (status == JsonScanner::Status::kBad) return fail("it is not JSON");
  if (depth_before == 1 && (in_name || (scanner_.string_is_name() && scanner_.in_string()))) {
    if (before == Place::kFirstName || before == Place::kName) key_.clear();
    key_.push_back(c);
  }
  if (depth_before >= 1) {
    if (const Step step = member_value(c, before, depth_before); step != Step::kMore) return step;
    if (in_value_ && streams_ && has_name_) sink_.arguments(escaped.empty() ? std::string_view(&c, 1) : escaped);
    else if (in_value_) value_ += escaped.empty() ? std::string_view(&c, 1) : escaped;
    const bool over = in_value_ && scanner_.depth() == 1 && scanner_.place() == Place::kAfter;
    if (over) {
      if (const Step step = end_member(); step != Step::kMore) return step;
    }
  }
  return status == JsonScanner::Status::kDone ? end_object() : Step::kMore;
}

// Where a member's value begins, and where one ends that the byte after it ends.
Step CallReader::member_value(char c, Place before, size_t depth_before) {
  if (depth_before != 1) return Step::kMore;
  if (before == Place::kValue && !is_blank(c)) {
    in_value_ = true;
    value_.clear();
    const std::string key = string_value(key_);
    value_is_object_ = c == '{';
    streams_ = is_arguments_key(key) && value_is_object_;
    if (streams_ && has_arguments_) return fail("it has arguments twice");
    key_ = key;
    return Step::kMore;
  }
  // A number has no last byte of its own.
  if (in_value_ && before == Place::kNumber && scanner_.place() != Place::kNumber) {
    in_value_ = false;
    if (is_arguments_key(key_)) return fail("its arguments are no object");
  }
  return Step::kMore;
}

Step CallReader::end_member() {
  in_value_ = false;
  if (is_arguments_key(key_)) {
    if (streams_) {
      if (!has_name_) held_arguments_ = std::move(value_);
    } else {
      // Some models write the arguments as JSON within a string.
      const std::string inner = value_ == "null" ? "{}" : string_value(value_);
      const auto parsed = grammar::parse_json(inner);
      if (has_arguments_) return fail("it has arguments twice");
      if (!parsed.ok() || !parsed->is_object()) return fail("its arguments are no object");
      if (has_name_) sink_.arguments(inner);
      else held_arguments_ = inner;
    }
    streams_ = false;
    has_arguments_ = true;
    return Step::kMore;
  }
  if (!has_name_ && is_name_key(key_) && value_.size() >= 2 && value_[0] == '"') return call_named(string_value(value_));
  return Step::kMore;
}

Step CallReader::end_object() {
  if (!has_name_) return fail("it has no name");
  if (!has_arguments_) sink_.arguments("{}");
  scanner_ = JsonScanner();
  return end_call();
}

Step CallReader::list_next(char c) {
  if (is_blank(c)) return Step::kMore;
  if (c == ',') {
    end_held();
    scanner_ = JsonScanner();
    phase_ = Phase::kPayload;
    return Step::kMore;
  }
  if (c != ']') return fail("the list of calls is broken");
  in_list_ = false;
  return end_call();
}

// kParameters: another one, or the end.
Step CallReader::parameters(char c) {
  if (is_blank(c) && key_.empty()) return Step::kMore;
  key_.push_back(c);
  const std::string_view so_far = key_;
  if (kParameterBegin.starts_with(so_far)) {
    if (so_far != kParameterBegin) return Step::kMore;
    key_.clear();
    phase_ = Phase::kKey;
    return Step::kMore;
  }
  if (call_end_.empty() || !std::string_view(call_end_).starts_with(so_far)) return fail("a parameter is expected");
  if (so_far.size() < std::min(call_end_.size(), call_end_.find('>') + 1)) return Step::kMore;
  sink_.arguments(parameters_ == 0 ? "{}" : "}");
  matched_ = so_far.size();
  const size_t done = matched_;
  key_.clear();
  const Step step = end_call();
  matched_ = done;
  if (phase_ == Phase::kClosing && matched_ == call_end_.size()) return closing('\n');
  return step;
}

Step CallReader::parameter_key(char c) {
  if (c == '>') {
    if (key_.empty()) return fail("a parameter has no name");
    value_.clear();
    phase_ = Phase::kValue;
    return Step::kMore;
  }
  if (c == '\n' || c == '<' || key_.size() >= kMaxToolNameBytes) return fail("the name of a parameter does not end");
  key_.push_back(c);
  return Step::kMore;
}

Step CallReader::parameter_value(char c) {
  value_.push_back(c);
  if (!std::string_view(value_).ends_with(kParameterEnd)) return Step::kMore;
  value_.resize(value_.size() - kParameterEnd.size());
  if (value_.starts_with('\n')) value_.erase(0, 1);
  if (value_.ends_with('\n')) value_.pop_back();
  add_parameter();
  key_.clear();
  phase_ = Phase::kParameters;
  return Step::kMore;
}

// What is no string by its schema is JSON.
void CallReader::add_parameter() {
  const ToolDefinition* tool = tools_.find(name_);
  bool is_text = false;
  if (tool != nullptr) {
    const auto schema = grammar::parse_json(tool->parameters);
    const grammar::JsonValue* properties = schema.ok() ? schema->find("properties") : nullptr;
    const grammar::JsonValue* property = properties != nullptr ? properties->find(key_) : nullptr;
    const grammar::JsonValue* type = property != nullptr ? property->find("type") : nullptr;
    is_text = type != nullptr && type->is_string() && type->text == "string";
  }
  const auto parsed = grammar::parse_json(value_);
  std::string written = !is_text && parsed.ok() ? value_ : grammar::write_json(grammar::JsonValue::string(value_));
  sink_.arguments((parameters_++ == 0 ? "{" : ", ") + grammar::write_json(grammar::JsonValue::string(key_)) + ": " + written);
}

// The end of a call may be left out: what comes instead belongs to what follows.
Step CallReader::closing(char c) {
  if (matched_ == call_end_.size()) {
    phase_ = Phase::kBetween;
    matched_ = 0;
    if (!section_end_.empty()) return Step::kMore;
    end_held();
    return Step::kEnded;
  }
  unread_.push_back(c);
  if (is_blank(c)) return Step::kMore;
  if (c == '{' && matched_ == 0 && form_.kind == CallForm::Kind::kJson && !again_.empty()) {
    raw_.pop_back();
    phase_ = Phase::kPayload;
    restart();
    raw_.push_back(c);
    scanner_.push(c);
    return Step::kMore;
  }
  if (c != call_end_[matched_]) return ended_before();
  if (++matched_ < call_end_.size()) return Step::kMore;
  unread_.clear();
  phase_ = Phase::kBetween;
  matched_ = 0;
  if (!section_end_.empty()) return Step::kMore;
  end_held();
  return Step::kEnded;
}

Step CallReader::ended_before() {
  raw_.resize(raw_.size() - std::min(raw_.size(), unread_.size()));
  end_held();
  return Step::kEndedBefore;
}

// Within a section: the next call, or the section's end.
Step CallReader::between(char c) {
  unread_.push_back(c);
  if (is_blank(c)) return Step::kMore;
  const std::string so_far = without_blanks(unread_);
  const bool ends = std::string_view(section_end_).starts_with(so_far);
  const bool begins = !again_.empty() && std::string_view(again_).starts_with(so_far);
  if (ends && so_far.size() == section_end_.size()) {
    end_held();
    return Step::kEnded;
  }
  if (begins && so_far.size() == again_.size()) {
    const std::string begun = unread_;
    raw_.resize(raw_.size() - std::min(raw_.size(), begun.size()));
    restart();
    raw_ = begun;
    unread_.clear();
    phase_ = form_.kind == CallForm::Kind::kJson ? Phase::kPayload : Phase::kName;
    return Step::kMore;
  }
  return ends || begins ? Step::kMore : ended_before();
}

Step CallReader::finish() {
  if (held_end_) {
    end_held();
    return Step::kEnded;
  }
  return fail("the answer ends within it");
}

}  // namespace hearth::text::tools
