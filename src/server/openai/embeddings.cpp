// POST /v1/embeddings: texts to vectors in OpenAI's form.
//
// Contract: server/openai/openai.h. Vectors have length one unless "embd_normalize" says otherwise; with "dimensions" they are
// cut and scaled anew. Other dialects that take over this form have their errors in their own.
#include "server/embeddings.h"
#include "server/openai/openai.h"

namespace hearth::server::openai {

namespace {

Checked<bool> wants_base64(const Json& body) {
  Checked<std::string> format = string_member(body, "encoding_format");
  if (!format.ok()) return format.error();
  if (*format == "base64") return true;
  if (format->empty() || *format == "float") return false;
  return bad_request("'encoding_format' must be \"float\" or \"base64\", not \"" + format->substr(0, 40) + "\"", "encoding_format");
}

Checked<EmbeddingJob> read_job(const Prepared& prepared) {
  Checked<bool> base64 = wants_base64(prepared.body);
  if (!base64.ok()) return base64.error();
  Checked<VectorForm> form = vector_form(prepared);
  if (!form.ok()) return form.error();
  if (const Json* dimensions = find_member(prepared.body, "dimensions"); dimensions && prepared.parameters.dimensions == 0) {
    return bad_request("'dimensions' must be at least 1", "dimensions");
  }
  Checked<Texts> texts = read_inputs(prepared.model->engine(), prepared.body, "input", /*raw_prompts=*/false);
  if (!texts.ok()) return texts.error();
  EmbeddingJob job;
  job.model = prepared.model;
  job.adapters = prepared.parameters.adapters;
  job.texts = std::move(*texts);
  job.form = *form;
  job.entry = [encode = *base64 ? vector_base64 : vector_list](size_t index, const std::vector<float>& vector) {
    return "{\"object\":\"embedding\",\"index\":" + std::to_string(index) + ",\"embedding\":" + encode(vector) + "}";
  };
  const int64_t tokens = count_tokens(job.texts);
  const Json rest = {{"model", prepared.model->name()}, {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}};
  job.body = [tail = to_text(rest)](std::string entries) {
    return "{\"object\":\"list\",\"data\":[" + std::move(entries) + "]," + tail.substr(1);
  };
  return job;
}

}  // namespace

void answer_embeddings(const Prepared& prepared, const Request& request, const ResponderPtr& responder, Dialect dialect) {
  Checked<EmbeddingJob> job = read_job(prepared);
  if (!job.ok()) return send_error(*responder, dialect, job.error(), request.id);
  job->dialect = dialect;
  job->owner = request.owner;
  job->request_id = request.id;
  start_embeddings(std::move(*job), responder);
}

void embeddings(Context& context, const Request& request, const ResponderPtr& responder) {
  Checked<Prepared> prepared = prepare(context, request, Dialect::kOpenAi);
  if (!prepared.ok()) return send_error(*responder, Dialect::kOpenAi, prepared.error(), request.id);
  answer_embeddings(*prepared, request, responder, Dialect::kOpenAi);
}

}  // namespace hearth::server::openai
