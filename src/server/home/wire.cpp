// Contract and exclusions: server/home/wire.h.
#include "server/home/wire.h"

#include <cmath>
#include <limits>

namespace hearth::server::home {

namespace {

// Members of a struct under their names, for writing and reading alike.
template <class Struct, class Value>
struct Member {
  const char* name;
  Value Struct::*place;
};

constexpr Member<ModelInfo, std::string> kInfoTexts[] = {{"path", &ModelInfo::path},
                                                         {"architecture", &ModelInfo::architecture},
                                                         {"name", &ModelInfo::name},
                                                         {"quantisation", &ModelInfo::quantisation},
                                                         {"licence", &ModelInfo::licence},
                                                         {"chat_template", &ModelInfo::chat_template},
                                                         {"chat_template_error", &ModelInfo::chat_template_error},
                                                         {"isa", &ModelInfo::isa}};
constexpr Member<ModelInfo, int64_t> kInfoCounts[] = {{"parameter_count", &ModelInfo::parameter_count},
                                                      {"file_bytes", &ModelInfo::file_bytes},
                                                      {"context_trained", &ModelInfo::context_trained},
                                                      {"context", &ModelInfo::context},
                                                      {"vocabulary", &ModelInfo::vocabulary},
                                                      {"embedding", &ModelInfo::embedding},
                                                      {"layer_count", &ModelInfo::layer_count},
                                                      {"kv_bytes_per_position", &ModelInfo::kv_bytes_per_position}};
constexpr Member<ModelInfo, int> kInfoNumbers[] = {{"threads", &ModelInfo::threads}, {"max_sessions", &ModelInfo::max_sessions}};

using Sampler = text::SamplerOptions;
constexpr Member<Sampler, float> kSamplerReals[] = {{"temperature", &Sampler::temperature},
                                                    {"top_p", &Sampler::top_p},
                                                    {"min_p", &Sampler::min_p},
                                                    {"repetition_penalty", &Sampler::repetition_penalty},
                                                    {"presence_penalty", &Sampler::presence_penalty},
                                                    {"frequency_penalty", &Sampler::frequency_penalty},
                                                    {"typical_p", &Sampler::typical_p},
                                                    {"top_n_sigma", &Sampler::top_n_sigma},
                                                    {"xtc_probability", &Sampler::xtc_probability},
                                                    {"xtc_threshold", &Sampler::xtc_threshold},
                                                    {"dynamic_range", &Sampler::dynamic_range},
                                                    {"dynamic_exponent", &Sampler::dynamic_exponent},
                                                    {"dry_multiplier", &Sampler::dry_multiplier},
                                                    {"dry_base", &Sampler::dry_base},
                                                    {"mirostat_tau", &Sampler::mirostat_tau},
                                                    {"mirostat_eta", &Sampler::mirostat_eta}};
constexpr Member<Sampler, int32_t> kSamplerNumbers[] = {{"top_k", &Sampler::top_k},
                                                        {"penalty_window", &Sampler::penalty_window},
                                                        {"logprobs", &Sampler::logprobs},
                                                        {"min_keep", &Sampler::min_keep},
                                                        {"dry_allowed_length", &Sampler::dry_allowed_length},
                                                        {"dry_window", &Sampler::dry_window},
                                                        {"mirostat", &Sampler::mirostat}};

constexpr Member<GenerateResult, int64_t> kResultCounts[] = {{"prompt_tokens", &GenerateResult::prompt_tokens},
                                                             {"reused_tokens", &GenerateResult::reused_tokens},
                                                             {"decode_tokens", &GenerateResult::decode_tokens},
                                                             {"decode_steps", &GenerateResult::decode_steps},
                                                             {"drafted_tokens", &GenerateResult::drafted_tokens},
                                                             {"accepted_tokens", &GenerateResult::accepted_tokens},
                                                             {"reasoning_tokens", &GenerateResult::reasoning_tokens}};
constexpr Member<GenerateResult, double> kResultTimes[] = {{"prompt_ms", &GenerateResult::prompt_ms},
                                                           {"decode_ms", &GenerateResult::decode_ms}};
constexpr Member<PromptLine, int64_t> kPromptCounts[] = {{"total", &PromptLine::total},
                                                         {"reused", &PromptLine::reused},
                                                         {"done", &PromptLine::done},
                                                         {"waiting_before", &PromptLine::waiting_before}};

using text::tools::MalformedCall;
using text::tools::ParsedCall;
using text::tools::ReasoningRequest;
using text::tools::ReasoningWish;
using text::tools::ToolChoice;
using text::tools::ToolDefinition;
using text::tools::ToolRequest;
constexpr Member<ToolDefinition, std::string> kToolTexts[] = {
    {"name", &ToolDefinition::name}, {"description", &ToolDefinition::description}, {"parameters", &ToolDefinition::parameters}};
constexpr Member<ParsedCall, std::string> kCallTexts[] = {
    {"id", &ParsedCall::id}, {"name", &ParsedCall::name}, {"arguments", &ParsedCall::arguments}};
constexpr Member<MalformedCall, std::string> kMalformedTexts[] = {{"raw", &MalformedCall::raw}, {"what", &MalformedCall::what}};
constexpr std::pair<const char*, ToolChoice> kChoices[] = {
    {"none", ToolChoice::kNone}, {"auto", ToolChoice::kAuto}, {"required", ToolChoice::kRequired}, {"named", ToolChoice::kNamed}};
constexpr std::pair<const char*, ReasoningWish> kWishes[] = {
    {"default", ReasoningWish::kModelDefault}, {"on", ReasoningWish::kOn}, {"off", ReasoningWish::kOff}};

constexpr FinishReason kReasons[] = {FinishReason::kStop, FinishReason::kLength, FinishReason::kContextFull, FinishReason::kCancelled};

bool read(const Json& value, std::string* to) {
  if (!value.is_string()) return false;
  *to = value.get<std::string>();
  return true;
}

bool read(const Json& value, double* to) {
  if (!value.is_number()) return false;
  *to = value.get<double>();
  return true;
}

// JSON has no infinity: null is -inf, which is where it is used.
bool read(const Json& value, float* to) {
  if (!value.is_number() && !value.is_null()) return false;
  *to = value.is_null() ? -std::numeric_limits<float>::infinity() : value.get<float>();
  return true;
}

template <class Integer>
bool read_integer(const Json& value, Integer* to) {
  if (!value.is_number_integer()) return false;
  using Limits = std::numeric_limits<Integer>;
  if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(Limits::max())) return false;
  const auto number = value.get<int64_t>();
  if (number < static_cast<int64_t>(Limits::min()) || number > static_cast<int64_t>(Limits::max())) return false;
  *to = static_cast<Integer>(number);
  return true;
}
bool read(const Json& value, int64_t* to) { return read_integer(value, to); }
bool read(const Json& value, int32_t* to) { return read_integer(value, to); }
bool read(const Json& value, bool* to) {
  if (!value.is_boolean()) return false;
  *to = value.get<bool>();
  return true;
}
bool read(const Json& value, uint64_t* to) {
  if (!value.is_number_unsigned()) return false;
  *to = value.get<uint64_t>();
  return true;
}
template <class T>
bool read(const Json& value, std::vector<T>* to) {
  if (!value.is_array()) return false;
  to->clear();
  for (const Json& entry : value) {
    T one{};
    if (!read(entry, &one)) return false;
    to->push_back(std::move(one));
  }
  return true;
}

// The name of a member that is missing or of another type ends up in `wrong`.
template <class T>
void read_member(const Json& object, const char* name, T* to, std::string* wrong) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  if (!object.is_object() || found == object.end() || !read(*found, to)) *wrong = name;
}

template <class Table, class Struct>
void write_all(Json* object, const Table& table, const Struct& from) {
  for (const auto& member : table) (*object)[member.name] = from.*member.place;
}
template <class Table, class Struct>
void read_all(const Json& object, const Table& table, Struct* to, std::string* wrong) {
  for (const auto& member : table) read_member(object, member.name, &(to->*member.place), wrong);
}

template <class Table, class Struct>
Json list_to_json(const Table& table, const std::vector<Struct>& list) {
  Json result = Json::array();
  for (const Struct& entry : list) {
    Json object = Json::object();
    write_all(&object, table, entry);
    result.push_back(std::move(object));
  }
  return result;
}
template <class Table, class Struct>
void read_list(const Json& object, const char* name, const Table& table, std::vector<Struct>* to, std::string* wrong) {
  const Json* list = find_member(object, name);
  if (list == nullptr || !list->is_array()) {
    *wrong = name;
    return;
  }
  for (const Json& entry : *list) read_all(entry, table, &to->emplace_back(), wrong);
}

// One of a table's names.
template <class Table, class Value>
void read_word(const Json& object, const char* name, const Table& table, Value* to, std::string* wrong) {
  std::string word;
  read_member(object, name, &word, wrong);
  for (const auto& [known, value] : table) {
    if (word != known) continue;
    *to = value;
    return;
  }
  *wrong = name;
}
template <class Table, class Value>
const char* word_of(const Table& table, Value value) {
  for (const auto& [word, known] : table) {
    if (known == value) return word;
  }
  return "";
}

Json tools_to_json(const ToolRequest& tools) {
  return {{"definitions", list_to_json(kToolTexts, tools.tools)},
          {"choice", word_of(kChoices, tools.choice)},
          {"name", tools.name},
          {"parallel", tools.parallel}};
}
Json reasoning_to_json(const ReasoningRequest& reasoning) {
  return {{"wish", word_of(kWishes, reasoning.wish)}, {"budget", reasoning.budget}, {"effort", reasoning.effort}};
}

void read_wishes(const Json& json, AnswerWishes* wishes, std::string* wrong) {
  const Json* tools = find_member(json, "tools");
  const Json* reasoning = find_member(json, "reasoning");
  if (tools == nullptr || reasoning == nullptr) {
    *wrong = tools == nullptr ? "tools" : "reasoning";
    return;
  }
  read_list(*tools, "definitions", kToolTexts, &wishes->tools.tools, wrong);
  read_word(*tools, "choice", kChoices, &wishes->tools.choice, wrong);
  read_member(*tools, "name", &wishes->tools.name, wrong);
  read_member(*tools, "parallel", &wishes->tools.parallel, wrong);
  read_word(*reasoning, "wish", kWishes, &wishes->reasoning.wish, wrong);
  read_member(*reasoning, "budget", &wishes->reasoning.budget, wrong);
  read_member(*reasoning, "effort", &wishes->reasoning.effort, wrong);
}

Error unreadable(const std::string& what, const std::string& member) {
  return {ErrorCode::kCorrupt, "the server's " + what + " cannot be read: '" + member + "' is missing or of another type"};
}

Json bias_to_json(const Sampler& sampler) {
  Json list = Json::array();
  for (const auto& [id, bias] : sampler.logit_bias) list.push_back({id, std::isfinite(bias) ? Json(bias) : Json()});
  return list;
}

bool read_bias(const Json& object, Sampler* sampler) {
  const Json* list = find_member(object, "logit_bias");
  if (list == nullptr || !list->is_array()) return false;
  for (const Json& pair : *list) {
    int32_t id = 0;
    float bias = 0;
    if (!pair.is_array() || pair.size() != 2 || !read(pair[0], &id) || !read(pair[1], &bias)) return false;
    sampler->logit_bias.emplace_back(id, bias);
  }
  return true;
}

}  // namespace

Json identity_to_json(const Identity& identity) {
  return {{"program", "hearth"}, {"version", identity.version}, {"numerics", identity.numerics}, {"kv_type", identity.kv_type}};
}

Result<Identity> identity_from_json(const Json& json) {
  Identity identity;
  std::string program, wrong;
  read_member(json, "program", &program, &wrong);
  read_member(json, "version", &identity.version, &wrong);
  read_member(json, "numerics", &identity.numerics, &wrong);
  read_member(json, "kv_type", &identity.kv_type, &wrong);
  if (wrong.empty() && program != "hearth") wrong = "program";
  if (!wrong.empty()) return unreadable("name", wrong);
  return identity;
}

Json question_to_json(const Question& question) {
  const GenerateOptions& options = question.options;
  Json messages = Json::array();
  for (const text::ChatMessage& message : question.messages) {
    messages.push_back({{"role", message.role}, {"content", message.content}});
  }
  Json sampler = Json::object();
  write_all(&sampler, kSamplerReals, options.sampler);
  write_all(&sampler, kSamplerNumbers, options.sampler);
  sampler["logit_bias"] = bias_to_json(options.sampler);
  sampler["order"] = options.sampler.order;
  sampler["dry_breakers"] = options.sampler.dry_breakers;
  sampler["seed"] = options.sampler.seed;
  return {{"model", question.model},       {"messages", std::move(messages)},
          {"sampler", std::move(sampler)}, {"max_tokens", options.max_tokens},
          {"stop", options.stop},          {"ignore_stop_tokens", options.ignore_stop_tokens},
          {"tools", tools_to_json(question.wishes.tools)},
          {"reasoning", reasoning_to_json(question.wishes.reasoning)}};
}

Checked<Question> question_from_json(const Json& json) {
  Question question;
  GenerateOptions& options = question.options;
  std::string wrong;
  const Json* messages = find_member(json, "messages");
  const Json* sampler = find_member(json, "sampler");
  if (messages == nullptr || !messages->is_array() || messages->empty()) return bad_request("'messages' must be a list", "messages");
  for (const Json& entry : *messages) {
    text::ChatMessage& message = question.messages.emplace_back();
    read_member(entry, "role", &message.role, &wrong);
    read_member(entry, "content", &message.content, &wrong);
  }
  if (sampler == nullptr || !sampler->is_object()) return bad_request("'sampler' must be an object", "sampler");
  read_all(*sampler, kSamplerReals, &options.sampler, &wrong);
  read_all(*sampler, kSamplerNumbers, &options.sampler, &wrong);
  read_member(*sampler, "order", &options.sampler.order, &wrong);
  read_member(*sampler, "dry_breakers", &options.sampler.dry_breakers, &wrong);
  read_member(*sampler, "seed", &options.sampler.seed, &wrong);
  if (!read_bias(*sampler, &options.sampler)) wrong = "logit_bias";
  read_member(json, "model", &question.model, &wrong);
  read_member(json, "max_tokens", &options.max_tokens, &wrong);
  read_member(json, "stop", &options.stop, &wrong);
  read_member(json, "ignore_stop_tokens", &options.ignore_stop_tokens, &wrong);
  read_wishes(json, &question.wishes, &wrong);
  if (!wrong.empty()) return bad_request("'" + wrong + "' is missing or of another type", wrong);
  if (options.max_tokens < -1) return bad_request("'max_tokens' must be -1 or more", "max_tokens");
  if (const Result<void> fine = check(question.wishes.tools); !fine.ok()) return bad_request(fine.error().message, "tools");
  return question;
}

Json model_info_to_json(const ModelInfo& info) {
  Json json = Json::object();
  write_all(&json, kInfoTexts, info);
  write_all(&json, kInfoCounts, info);
  write_all(&json, kInfoNumbers, info);
  return json;
}

Result<ModelInfo> model_info_from_json(const Json& json) {
  ModelInfo info;
  std::string wrong;
  read_all(json, kInfoTexts, &info, &wrong);
  read_all(json, kInfoCounts, &info, &wrong);
  read_all(json, kInfoNumbers, &info, &wrong);
  if (!wrong.empty()) return unreadable("facts about the model", wrong);
  return info;
}

Json to_json(const PromptLine& line) {
  Json counts = Json::object();
  write_all(&counts, kPromptCounts, line);
  return {{"prompt", std::move(counts)}};
}

Json to_json(const TextLine& line, bool with_logprobs) {
  const auto entry = [&](int32_t id, float logprob) {
    const auto text = line.token_texts.find(id);
    return Json{{"id", id}, {"logprob", std::isfinite(logprob) ? Json(logprob) : Json()}, {"text", text == line.token_texts.end() ? "" : text->second}};
  };
  Json json = {{"text", line.text}};
  if (!line.reasoning.empty()) json["reasoning"] = line.reasoning;
  Json tokens = Json::array();
  for (const GeneratedToken& token : line.tokens) {
    if (!with_logprobs) {
      tokens.push_back(token.id);
      continue;
    }
    Json one = entry(token.id, token.logprob);
    one["alternatives"] = Json::array();
    for (const text::TokenLogprob& other : token.alternatives) one["alternatives"].push_back(entry(other.id, other.logprob));
    tokens.push_back(std::move(one));
  }
  json[with_logprobs ? "tokens" : "ids"] = std::move(tokens);
  return json;
}

Json to_json(const EndLine& line) {
  Json end = {{"finish_reason", finish_reason_name(line.result.finish_reason)}, {"stop_string", line.result.stop_string}};
  write_all(&end, kResultCounts, line.result);
  write_all(&end, kResultTimes, line.result);
  end["context"] = line.context;
  end["context_used"] = line.context_used;
  end["calls"] = list_to_json(kCallTexts, line.calls);
  end["malformed"] = list_to_json(kMalformedTexts, line.malformed);
  return {{"end", std::move(end)}};
}

namespace {

void read_token(const Json& json, int32_t* id, float* logprob, TextLine* line, std::string* wrong) {
  std::string text;
  read_member(json, "id", id, wrong);
  read_member(json, "logprob", logprob, wrong);
  read_member(json, "text", &text, wrong);
  line->token_texts[*id] = std::move(text);
}

TextLine read_text_line(const Json& json, std::string* wrong) {
  TextLine line;
  read_member(json, "text", &line.text, wrong);
  if (find_member(json, "reasoning")) read_member(json, "reasoning", &line.reasoning, wrong);
  if (const Json* tokens = find_member(json, "tokens"); tokens && tokens->is_array()) {
    for (const Json& one : *tokens) {
      GeneratedToken& token = line.tokens.emplace_back();
      read_token(one, &token.id, &token.logprob, &line, wrong);
      const Json* others = find_member(one, "alternatives");
      if (others == nullptr || !others->is_array()) continue;
      for (const Json& other : *others) {
        text::TokenLogprob& alternative = token.alternatives.emplace_back();
        read_token(other, &alternative.id, &alternative.logprob, &line, wrong);
      }
    }
    return line;
  }
  std::vector<int32_t> ids;
  read_member(json, "ids", &ids, wrong);
  for (const int32_t id : ids) line.tokens.push_back({id, 0, {}});
  return line;
}

EndLine read_end_line(const Json& json, std::string* wrong) {
  EndLine line;
  std::string reason;
  read_member(json, "finish_reason", &reason, wrong);
  read_member(json, "stop_string", &line.result.stop_string, wrong);
  read_all(json, kResultCounts, &line.result, wrong);
  read_all(json, kResultTimes, &line.result, wrong);
  read_member(json, "context", &line.context, wrong);
  read_member(json, "context_used", &line.context_used, wrong);
  read_list(json, "calls", kCallTexts, &line.calls, wrong);
  read_list(json, "malformed", kMalformedTexts, &line.malformed, wrong);
  bool known = false;
  for (const FinishReason one : kReasons) {
    if (reason != finish_reason_name(one)) continue;
    line.result.finish_reason = one;
    known = true;
  }
  if (!known) *wrong = "finish_reason";
  return line;
}

}  // namespace

Result<Line> line_from_text(const std::string& text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  Line line;
  std::string wrong;
  if (const Json* counts = find_member(json, "prompt")) {
    line.prompt.emplace();
    read_all(*counts, kPromptCounts, &*line.prompt, &wrong);
  } else if (const Json* end = find_member(json, "end")) {
    line.end = read_end_line(*end, &wrong);
  } else if (const Json* error = find_member(json, "error")) {
    const Json* code = find_member(*error, "code");
    line.error = error_from_json(code && code->is_number_integer() ? code->get<int>() : 500, json);
  } else {
    line.text = read_text_line(json, &wrong);
  }
  if (!wrong.empty()) return unreadable("answer", wrong);
  return line;
}

Error error_from_json(int status, const Json& json) {
  const Json* error = find_member(json, "error");
  std::string message, type, ignored;
  if (error != nullptr) {
    read_member(*error, "message", &message, &ignored);
    read_member(*error, "type", &type, &ignored);
  }
  if (message.empty()) message = "the server answered with status " + std::to_string(status);
  if (type == "exceed_context_size_error") return {ErrorCode::kContextFull, message};
  switch (status) {
    case 400: return {ErrorCode::kInvalidArgument, message};
    case 401:
    case 403: return {ErrorCode::kPermission, message};
    case 404: return {ErrorCode::kNotFound, message};
    case 429:
    case 503: return {ErrorCode::kResource, message};
    default: return {ErrorCode::kIo, message};
  }
}

}  // namespace hearth::server::home
