// GET /metrics: figures of all loaded models, in Prometheus' text form.
//
// Contract: llamacpp:... are llama-server's names and mean the sum of all models; hearth_... are per model. Counters of a
// model begin again at 0 when it is loaded again. No names of users and no text.
#include <cstdio>

#include "base/clock.h"
#include "server/native/native.h"

namespace hearth::server::native {

namespace {

class MetricsText {
 public:
  void declare(std::string_view name, const char* type, const char* help) {
    text_ += "# HELP " + std::string(name) + " " + help + "\n# TYPE " + std::string(name) + " " + type + "\n";
  }
  void value(std::string_view name, double value, std::string_view model = {}) {
    text_ += name;
    if (!model.empty()) text_ += "{model=\"" + escaped(model) + "\"}";
    char number[40];
    std::snprintf(number, sizeof number, " %.15g\n", value);
    text_ += number;
  }
  std::string take() { return std::move(text_); }

 private:
  static std::string escaped(std::string_view label) {
    std::string result;
    for (const char c : label) {
      if (c == '\\' || c == '"') result += '\\';
      result += c == '\n' ? ' ' : c;
    }
    return result;
  }
  std::string text_;
};

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

struct Metric {
  const char* name;
  const char* type;
  const char* help;
  double (*value)(const ServiceStats&);
};

constexpr Metric kSums[] = {
    {"llamacpp:prompt_tokens_total", "counter", "Prompt tokens worked through",
     [](const ServiceStats& s) { return static_cast<double>(s.prompt_tokens); }},
    {"llamacpp:prompt_seconds_total", "counter", "Time spent on prompts", [](const ServiceStats& s) { return s.prompt_seconds; }},
    {"llamacpp:tokens_predicted_total", "counter", "Tokens of answers",
     [](const ServiceStats& s) { return static_cast<double>(s.answer_tokens); }},
    {"llamacpp:tokens_predicted_seconds_total", "counter", "Time spent on answers",
     [](const ServiceStats& s) { return s.answer_seconds; }},
    {"llamacpp:prompt_tokens_seconds", "gauge", "Prompt tokens per second",
     [](const ServiceStats& s) { return ratio(static_cast<double>(s.prompt_tokens), s.prompt_seconds); }},
    {"llamacpp:predicted_tokens_seconds", "gauge", "Tokens of answers per second",
     [](const ServiceStats& s) { return ratio(static_cast<double>(s.answer_tokens), s.answer_seconds); }},
    {"llamacpp:requests_processing", "gauge", "Answers being made",
     [](const ServiceStats& s) { return static_cast<double>(s.running); }},
    {"llamacpp:requests_deferred", "gauge", "Answers that wait", [](const ServiceStats& s) { return static_cast<double>(s.waiting); }},
    {"llamacpp:n_decode_total", "counter", "Passes through the model", [](const ServiceStats& s) { return static_cast<double>(s.steps); }},
    {"llamacpp:spec_decode_num_draft_tokens_total", "counter", "Guessed tokens",
     [](const ServiceStats& s) { return static_cast<double>(s.drafted_tokens); }},
    {"llamacpp:spec_decode_num_accepted_tokens_total", "counter", "Guessed tokens that were right",
     [](const ServiceStats& s) { return static_cast<double>(s.accepted_tokens); }},
};

constexpr Metric kPerModel[] = {
    {"hearth_reused_tokens_total", "counter", "Prompt tokens that were found computed",
     [](const ServiceStats& s) { return static_cast<double>(s.reused_tokens); }},
    {"hearth_embeddings_total", "counter", "Texts that were made into vectors",
     [](const ServiceStats& s) { return static_cast<double>(s.embeddings); }},
    {"hearth_sessions", "gauge", "Answers that can be made at once", [](const ServiceStats& s) { return static_cast<double>(s.sessions); }},
    {"hearth_answers_running", "gauge", "Answers being made", [](const ServiceStats& s) { return static_cast<double>(s.running); }},
    {"hearth_answers_waiting", "gauge", "Answers that wait", [](const ServiceStats& s) { return static_cast<double>(s.waiting); }},
    {"hearth_kv_pool_bytes", "gauge", "Room for keys and values", [](const ServiceStats& s) { return static_cast<double>(s.pool_bytes); }},
    {"hearth_kv_pool_used_bytes", "gauge", "Keys and values held",
     [](const ServiceStats& s) { return static_cast<double>(s.pool_used_bytes); }},
    {"hearth_prefix_cache_bytes", "gauge", "Keys and values of past prompts",
     [](const ServiceStats& s) { return static_cast<double>(s.cache_bytes); }},
    {"hearth_prefix_cache_disk_bytes", "gauge", "The same, on disk",
     [](const ServiceStats& s) { return static_cast<double>(s.cache_disk_bytes); }},
    {"hearth_prefix_cache_hits_total", "counter", "Prompts whose beginning was remembered",
     [](const ServiceStats& s) { return static_cast<double>(s.cache_hits); }},
    {"hearth_prefix_cache_misses_total", "counter", "Prompts whose beginning was not",
     [](const ServiceStats& s) { return static_cast<double>(s.cache_misses); }},
};

ServiceStats sum_of(const std::vector<Models::Status>& models) {
  ServiceStats sum;
  for (const Models::Status& model : models) {
    sum.waiting += model.stats.waiting;
    sum.running += model.stats.running;
    sum.prompt_tokens += model.stats.prompt_tokens;
    sum.answer_tokens += model.stats.answer_tokens;
    sum.steps += model.stats.steps;
    sum.step_tokens += model.stats.step_tokens;
    sum.drafted_tokens += model.stats.drafted_tokens;
    sum.accepted_tokens += model.stats.accepted_tokens;
    sum.prompt_seconds += model.stats.prompt_seconds;
    sum.answer_seconds += model.stats.answer_seconds;
  }
  return sum;
}

}  // namespace

void metrics(Context& context, const Request&, const ResponderPtr& responder) {
  const std::vector<Models::Status> models = context.models.loaded();
  const ServiceStats sum = sum_of(models);
  MetricsText text;
  for (const Metric& metric : kSums) {
    text.declare(metric.name, metric.type, metric.help);
    text.value(metric.name, metric.value(sum));
  }
  text.declare("hearth_uptime_seconds", "gauge", "Since the server started");
  text.value("hearth_uptime_seconds", static_cast<double>(monotonic_ns() - context.started_ns) * 1e-9);
  text.declare("hearth_models_loaded", "gauge", "Models in memory");
  text.value("hearth_models_loaded", static_cast<double>(models.size()));
  text.declare("hearth_model_memory_bytes", "gauge", "Planned memory of a model");
  for (const Models::Status& model : models) {
    text.value("hearth_model_memory_bytes", static_cast<double>(model.memory_bytes), model.name);
  }
  for (const Metric& metric : kPerModel) {
    text.declare(metric.name, metric.type, metric.help);
    for (const Models::Status& model : models) text.value(metric.name, metric.value(model.stats), model.name);
  }
  responder->send(200, "text/plain; version=0.0.4; charset=utf-8", text.take());
}

}  // namespace hearth::server::native
