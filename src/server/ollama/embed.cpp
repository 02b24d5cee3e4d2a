// POST /api/embed, and /api/embeddings as older clients have it.
//
// Contract: server/ollama/ollama.h. /api/embed gives vectors of length one; a text that does not fit is cut at its end unless
// "truncate" is false, and the header x-hearth-truncated and the log say how much went. /api/embeddings gives one vector as it
// comes out of the model and cuts nothing. Without a text both load the model.
#include "base/clock.h"
#include "base/log.h"
#include "engine/prompt.h"
#include "server/embeddings.h"
#include "server/ollama/ollama.h"
#include "text/tokenizer.h"

namespace hearth::server::ollama {

namespace {

struct Cut {
  int64_t inputs = 0, tokens = 0;
};

Checked<std::vector<std::string>> read_texts(const Json& body) {
  std::vector<std::string> texts;
  const Json* input = find_member(body, "input");
  if (input == nullptr || (input->is_string() && input->get_ref<const std::string&>().empty())) return texts;
  const Json list = input->is_array() ? *input : Json::array({*input});
  if (list.size() > kMaxInputs) {
    return bad_request("'input' has " + std::to_string(list.size()) + " texts; at most " + std::to_string(kMaxInputs) + " are possible", "input");
  }
  for (const Json& text : list) {
    if (!text.is_string()) return bad_request(std::string("invalid input type: 'input' must be text or a list of texts, not of ") + text.type_name(), "input");
    texts.push_back(text);
  }
  return texts;
}

// As much of the beginning as fits, and the end token if the model wants one.
void cut(const text::Tokenizer& tokenizer, size_t most, std::vector<int32_t>* tokens) {
  tokens->resize(most);
  if (tokenizer.adds_end()) tokens->back() = tokenizer.end_id();
}

Checked<Texts> make_texts(const Engine& engine, const std::vector<std::string>& inputs, bool truncate, Cut* done) {
  const auto most = static_cast<size_t>(engine.info().context);
  Texts texts;
  for (const std::string& input : inputs) {
    std::vector<int32_t> tokens = whole_text(engine, input);
    const size_t count = tokens.size();
    if (count == 0) return bad_request("'input' has an empty text, and this model has no token to start from", "input");
    if (count > most) {
      if (!truncate) return context_exceeded(static_cast<int64_t>(count), engine.info().context);
      cut(engine.tokenizer(), most, &tokens);
      ++done->inputs;
      done->tokens += static_cast<int64_t>(count - most);
    }
    texts.push_back(std::move(tokens));
  }
  return texts;
}

Headers tell_cut(const Cut& cut, const std::string& request_id) {
  if (cut.inputs == 0) return {};
  const std::string told = "inputs=" + std::to_string(cut.inputs) + ", tokens=" + std::to_string(cut.tokens);
  log(LogLevel::kWarning, "request " + request_id + ": texts to embed were cut to the context: " + told);
  return {{"x-hearth-truncated", told}};
}

// {..., "embeddings":[...], figures}
std::function<std::string(std::string)> body_of(const Prepared& prepared, int64_t tokens, int64_t begun_ns) {
  const std::string name = prepared.model_name.empty() ? prepared.model->name() : prepared.model_name;
  const auto load_ns = static_cast<int64_t>(prepared.model->load_ms() * 1e6);
  return [=](std::string entries) {
    const Json figures = {{"total_duration", monotonic_ns() - begun_ns}, {"load_duration", load_ns}, {"prompt_eval_count", tokens}};
    return "{\"model\":" + to_text(name) + ",\"embeddings\":[" + std::move(entries) + "]," + to_text(figures).substr(1);
  };
}

Checked<EmbeddingJob> read_embed(const Prepared& prepared, const std::vector<std::string>& inputs, bool truncate, int64_t begun_ns,
                                 const std::string& request_id) {
  Checked<VectorForm> form = vector_form(prepared);
  if (!form.ok()) return form.error();
  Cut cut;
  Checked<Texts> texts = make_texts(prepared.model->engine(), inputs, truncate, &cut);
  if (!texts.ok()) return texts.error();
  EmbeddingJob job;
  job.headers = tell_cut(cut, request_id);
  job.model = prepared.model;
  job.adapters = prepared.parameters.adapters;
  job.form = {form->dimensions, 2};
  job.body = body_of(prepared, count_tokens(*texts), begun_ns);
  job.entry = [](size_t, const std::vector<float>& vector) { return vector_list(vector); };
  job.texts = std::move(*texts);
  return job;
}

Checked<EmbeddingJob> read_old(const Prepared& prepared, const std::string& prompt) {
  Cut none;
  Checked<Texts> texts = make_texts(prepared.model->engine(), {prompt}, /*truncate=*/false, &none);
  if (!texts.ok()) return texts.error();
  EmbeddingJob job;
  job.model = prepared.model;
  job.adapters = prepared.parameters.adapters;
  job.form.norm = -1;
  job.entry = [](size_t, const std::vector<float>& vector) { return vector_list(vector); };
  job.body = [](std::string entries) { return "{\"embedding\":" + std::move(entries) + "}"; };
  job.texts = std::move(*texts);
  return job;
}

void start(Checked<EmbeddingJob> job, const Request& request, const ResponderPtr& responder) {
  if (!job.ok()) return send_error(*responder, Dialect::kOllama, job.error(), request.id);
  job->dialect = Dialect::kOllama;
  job->owner = request.owner;
  job->request_id = request.id;
  start_embeddings(std::move(*job), responder);
}

void send_raw(Responder& responder, std::string body) { responder.send(200, "application/json; charset=utf-8", std::move(body)); }

}  // namespace

void embed(Context& context, const Request& request, const ResponderPtr& responder) {
  const int64_t begun = monotonic_ns();
  const auto refuse = [&](const ApiError& error) { send_error(*responder, Dialect::kOllama, error, request.id); };
  Checked<Prepared> prepared = read_request(request, Dialect::kOllama, "options");
  if (!prepared.ok()) return refuse(prepared.error());
  Checked<bool> truncate = bool_member(prepared->body, "truncate", true);
  if (!truncate.ok()) return refuse(truncate.error());
  Checked<std::vector<std::string>> inputs = read_texts(prepared->body);
  if (!inputs.ok()) return refuse(inputs.error());
  if (Checked<Nothing> loaded = load_model(context, &*prepared); !loaded.ok()) return refuse(loaded.error());
  if (inputs->empty()) return send_raw(*responder, body_of(*prepared, 0, begun)(""));
  start(read_embed(*prepared, *inputs, *truncate, begun, request.id), request, responder);
}

void embeddings(Context& context, const Request& request, const ResponderPtr& responder) {
  const auto refuse = [&](const ApiError& error) { send_error(*responder, Dialect::kOllama, error, request.id); };
  Checked<Prepared> prepared = read_request(request, Dialect::kOllama, "options");
  if (!prepared.ok()) return refuse(prepared.error());
  Checked<std::string> prompt = string_member(prepared->body, "prompt");
  if (!prompt.ok()) return refuse(prompt.error());
  if (Checked<Nothing> loaded = load_model(context, &*prepared); !loaded.ok()) return refuse(loaded.error());
  if (prompt->empty()) return send_raw(*responder, "{\"embedding\":[]}");
  start(read_old(*prepared, *prompt), request, responder);
}

}  // namespace hearth::server::ollama
