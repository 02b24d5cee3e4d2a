// POST /embedding and /embeddings: texts to vectors, of "content" in llama-server's own form, of "input" in OpenAI's.
//
// Contract: server/native/native.h. "embd_normalize" is as in llama-server: -1 leaves vectors as they are, 0 scales the largest
// value to 32760, p makes the p-norm one (2 where nothing is said).
#include "server/embeddings.h"
#include "server/native/native.h"
#include "server/openai/openai.h"

namespace hearth::server::native {

namespace {

Checked<EmbeddingJob> read_job(const Prepared& prepared) {
  Checked<std::string> format = string_member(prepared.body, "encoding_format");
  if (!format.ok()) return format.error();
  if (!format->empty() && *format != "float") {
    return not_supported("'encoding_format': vectors of 'content' are lists of numbers; send 'input' for others", "encoding_format");
  }
  Checked<VectorForm> form = vector_form(prepared);
  if (!form.ok()) return form.error();
  Checked<Texts> texts = read_inputs(prepared.model->engine(), prepared.body, "content", /*raw_prompts=*/true);
  if (!texts.ok()) return texts.error();
  EmbeddingJob job;
  job.model = prepared.model;
  job.adapters = prepared.parameters.adapters;
  job.texts = std::move(*texts);
  job.form = *form;
  job.entry = [](size_t index, const std::vector<float>& vector) {
    return "{\"index\":" + std::to_string(index) + ",\"embedding\":[" + vector_list(vector) + "]}";
  };
  job.body = [](std::string entries) { return "[" + std::move(entries) + "]"; };
  return job;
}

}  // namespace

void embeddings(Context& context, const Request& request, const ResponderPtr& responder) {
  const auto refuse = [&](const ApiError& error) { send_error(*responder, Dialect::kNative, error, request.id); };
  Checked<Prepared> prepared = prepare(context, request, Dialect::kNative);
  if (!prepared.ok()) return refuse(prepared.error());
  if (find_member(prepared->body, "input")) return openai::answer_embeddings(*prepared, request, responder, Dialect::kNative);
  if (!find_member(prepared->body, "content")) return refuse(bad_request("'content' or 'input' is missing", "content"));
  Checked<EmbeddingJob> job = read_job(*prepared);
  if (!job.ok()) return refuse(job.error());
  job->dialect = Dialect::kNative;
  job->owner = request.owner;
  job->request_id = request.id;
  start_embeddings(std::move(*job), responder);
}

}  // namespace hearth::server::native
