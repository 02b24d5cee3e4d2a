// Contract and exclusions: server/ollama/model_facts.h.
#include "server/ollama/model_facts.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <map>
#include <mutex>
#include <tuple>

#include "base/log.h"
#include "base/os_error.h"
#include "base/units.h"
#include "gguf/file_type.h"
#include "library/digest.h"
#include "server/context.h"
#include "server/ollama/go_template.h"
#include "text/chat_template.h"
#include "text/fim_tokens.h"
#include "text/stop_tokens.h"
#include "text/tokenizer.h"
#include "text/tools/answer_format.h"

namespace hearth::server::ollama {

namespace {

constexpr size_t kMaxRememberedFiles = 256;

// A state of a file: another size or time is another file.
using FileState = std::tuple<std::string, uint64_t, int64_t>;

struct FileTimes {
  int64_t seconds = 0, nanoseconds = 0;
};

FileTimes times_of(const library::Installed& model) {
  struct stat status {};
  if (stat(model.path.c_str(), &status) != 0) return {model.modified, 0};
  return {status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

// What was found out about a file, kept for the next list.
template <class Value>
class Remembered {
 public:
  template <class Compute>
  Value get(const library::Installed& model, Compute compute) {
    const FileTimes times = times_of(model);
    const FileState key{model.path, model.bytes, times.seconds * 1'000'000'000 + times.nanoseconds};
    const std::lock_guard lock(mutex_);
    const auto found = values_.find(key);
    if (found != values_.end()) return found->second;
    if (values_.size() >= kMaxRememberedFiles) values_.clear();
    return values_.emplace(key, compute()).first->second;
  }

 private:
  std::mutex mutex_;
  std::map<FileState, Value> values_;
};

Result<std::string> hash_parts(const std::string& path) {
  const std::unique_ptr<gguf::View> view = TRY(gguf::View::open(path));
  library::Sha256 hash;
  for (const std::string& part : view->paths()) {
    const FileDescriptor file(open(part.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (!file.valid() || fstat(file.get(), &status) != 0) return os_error(errno, "cannot open " + part);
    TRY(library::hash_file(file.get(), part, static_cast<uint64_t>(status.st_size), &hash, nullptr, nullptr));
  }
  return library::to_hex(hash.digest());
}

std::string digest_of(const library::Installed& model) {
  if (!model.sha256.empty()) return model.sha256;
  static Remembered<std::string> digests;
  return digests.get(model, [&] {
    const Result<std::string> digest = hash_parts(model.path);
    if (!digest.ok()) log(LogLevel::kWarning, digest.error().message);
    return digest.ok() ? *digest : std::string();
  });
}

uint64_t parameter_count(const gguf::View& view) {
  uint64_t count = 0;
  for (const gguf::TensorInfo& tensor : view.tensors()) count += tensor.value_count;
  return count;
}

Json list_value(const gguf::View& view, const gguf::View::KeyInfo& key) {
  if (key.element == gguf::ValueType::kString) {
    const Result<gguf::StringArray> strings = view.get_strings(key.key);
    if (!strings.ok()) return nullptr;
    Json list = Json::array();
    for (size_t i = 0; i < strings->size(); ++i) list.push_back((*strings)[i]);
    return list;
  }
  if (const auto floats = view.get_f32s(key.key); floats.ok()) return std::vector<float>(floats->begin(), floats->end());
  if (const auto integers = view.get_integers(key.key); integers.ok()) return *integers;
  return nullptr;
}

Json value_of(const gguf::View& view, const gguf::View::KeyInfo& key, bool verbose) {
  const auto or_null = [](const auto& value) { return value ? Json(*value) : Json(); };
  switch (key.type) {
    case gguf::ValueType::kArray: return verbose ? list_value(view, key) : Json();
    case gguf::ValueType::kString: return or_null(view.get_string(key.key));
    case gguf::ValueType::kBool: return or_null(view.get_bool(key.key));
    case gguf::ValueType::kF32:
    case gguf::ValueType::kF64: return or_null(view.get_f64(key.key));
    case gguf::ValueType::kI8:
    case gguf::ValueType::kI16:
    case gguf::ValueType::kI32:
    case gguf::ValueType::kI64: return or_null(view.get_i64(key.key));
    default: return or_null(view.get_u64(key.key));
  }
}

std::string token_text(const gguf::View& view, const char* id_key) {
  const std::optional<uint64_t> id = view.get_u64(id_key);
  const Result<gguf::StringArray> tokens = view.get_strings("tokenizer.ggml.tokens");
  return id && tokens.ok() && *id < tokens->size() ? std::string((*tokens)[*id]) : "";
}

// How states of tokens become one vector: files of chat models say nothing about it.
bool says_pooling(const gguf::View& view) {
  const std::string architecture(view.get_string("general.architecture").value_or(""));
  return view.get_u64(architecture + ".pooling_type").value_or(0) != 0;
}

std::string chat_template_of(const gguf::View& view) {
  return std::string(view.get_string("tokenizer.chat_template").value_or(""));
}

}  // namespace

std::string shown_name(const std::string& name) { return name.find(':') == std::string::npos ? name + ":latest" : name; }

std::string modified_at(const library::Installed& model) {
  const FileTimes times = times_of(model);
  return rfc3339(times.seconds, times.nanoseconds);
}

Json details_of(const gguf::View& view) {
  const std::string family(view.get_string("general.architecture").value_or("unknown"));
  return {{"parent_model", ""},
          {"format", "gguf"},
          {"family", family},
          {"families", {family}},
          {"parameter_size", format_count(parameter_count(view))},
          {"quantization_level", gguf::quantisation_label(view)},
          {"context_length", view.get_u64(family + ".context_length").value_or(0)},
          {"embedding_length", view.get_u64(family + ".embedding_length").value_or(0)}};
}

Json list_entry(const library::Installed& model) {
  static Remembered<Json> details;
  const std::string name = shown_name(model.name);
  return {{"name", name},
          {"model", name},
          {"modified_at", modified_at(model)},
          {"size", model.bytes},
          {"digest", digest_of(model)},
          {"details", details.get(model, [&] {
             const Result<std::unique_ptr<gguf::View>> view = gguf::View::open(model.path);
             if (!view.ok()) log(LogLevel::kWarning, view.error().message);
             return view.ok() ? details_of(**view) : Json{{"format", "gguf"}};
           })}};
}

GapTexts gap_texts(const library::Installed& model, const gguf::View& view) {
  static Remembered<GapTexts> known;
  return known.get(model, [&]() -> GapTexts {
    const Result<std::unique_ptr<text::Tokenizer>> tokenizer = text::Tokenizer::from_gguf(view);
    if (!tokenizer.ok()) return {};
    const text::FimTokens tokens = text::fim_tokens_of(**tokenizer);
    if (!tokens.usable()) return {};
    const auto spelling = [&](int32_t id) { return id < 0 ? std::string() : std::string((*tokenizer)->token_text(id)); };
    return {spelling(tokens.prefix), spelling(tokens.suffix), spelling(tokens.middle), tokens.suffix_first};
  });
}

namespace {

// Any chat model can be told of tools; those whose templates know them were trained for it.
std::vector<std::string> capabilities_in(const gguf::View& view, const GapTexts& gap) {
  if (says_pooling(view)) return {"embedding"};
  std::vector<std::string> list = {"completion"};
  if (gap.any()) list.push_back("insert");
  const std::string source = chat_template_of(view);
  const auto compiled = text::ChatTemplate::compile(source, token_text(view, "tokenizer.ggml.bos_token_id"),
                                                    token_text(view, "tokenizer.ggml.eos_token_id"));
  if (source.empty() || !compiled.ok()) return list;
  const text::tools::AnswerFormat format = text::tools::detect_format(compiled->get(), nullptr);
  if (format.tells_tools) list.push_back("tools");
  if (format.reasoning.exists()) list.push_back("thinking");
  return list;
}

}  // namespace

std::vector<std::string> capabilities_of(const library::Installed& model) {
  static Remembered<std::vector<std::string>> known;
  return known.get(model, [&]() -> std::vector<std::string> {
    const Result<std::unique_ptr<gguf::View>> view = gguf::View::open(model.path);
    if (!view.ok()) return {};
    return capabilities_in(**view, gap_texts(model, **view));
  });
}

bool embeds(const library::Installed& model) {
  static Remembered<bool> known;
  return known.get(model, [&] {
    const Result<std::unique_ptr<gguf::View>> view = gguf::View::open(model.path);
    return view.ok() && says_pooling(**view);
  });
}

Json model_info(const gguf::View& view, bool verbose) {
  Json object = Json::object();
  for (const gguf::View::KeyInfo& key : view.keys()) object[std::string(key.key)] = value_of(view, key, verbose);
  object["general.parameter_count"] = parameter_count(view);
  return object;
}

Json tensor_list(const gguf::View& view) {
  Json list = Json::array();
  for (const gguf::TensorInfo& tensor : view.tensors()) {
    Json shape = Json::array();
    for (int i = 0; i < tensor.dim_count; ++i) shape.push_back(tensor.dims[static_cast<size_t>(i)]);
    list.push_back({{"name", tensor.name}, {"type", quant::traits(tensor.format).name}, {"shape", std::move(shape)}});
  }
  return list;
}

std::string template_of(const gguf::View& view, const GapTexts& gap) {
  std::string answer = "{{ .Prompt }}";
  if (const std::string source = chat_template_of(view); !source.empty()) {
    const auto compiled = text::ChatTemplate::compile(source, token_text(view, "tokenizer.ggml.bos_token_id"),
                                                      token_text(view, "tokenizer.ggml.eos_token_id"));
    if (compiled.ok()) {
      answer = template_like([&](const std::vector<PlainMessage>& messages) {
        std::vector<text::ChatMessage> list;
        for (const PlainMessage& message : messages) list.push_back({message.role, message.content});
        return (*compiled)->render(list, /*add_generation_prompt=*/true);
      });
    }
  }
  if (!gap.any()) return answer;
  const std::string before = gap.prefix + "{{ .Prompt }}", after = gap.suffix + "{{ .Suffix }}";
  return "{{ if .Suffix }}" + (gap.suffix_first ? after + before : before + after) + gap.middle + "{{ else }}" + answer + "{{ end }}";
}

std::vector<std::string> stop_strings(const gguf::View& view) {
  std::vector<std::string> list;
  if (std::string end = token_text(view, "tokenizer.ggml.eos_token_id"); !end.empty()) list.push_back(std::move(end));
  const std::string source = chat_template_of(view);
  const Result<gguf::StringArray> tokens = view.get_strings("tokenizer.ggml.tokens");
  for (size_t i = 0; tokens.ok() && !source.empty() && i < tokens->size(); ++i) {
    const std::string text((*tokens)[i]);
    if (text::is_stop_name(text) && source.find(text) != std::string::npos && (list.empty() || text != list.front())) {
      list.push_back(text);
    }
  }
  return list;
}

}  // namespace hearth::server::ollama
