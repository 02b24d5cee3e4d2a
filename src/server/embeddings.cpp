// Contract and exclusions: server/embeddings.h.
#include "server/embeddings.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <set>

#include "server/raw_prompts.h"

namespace hearth::server {

namespace {

constexpr int kNoNorm = -1, kLargestNorm = 0;
constexpr double kLargest = 32760;    // of an int16, but for a little
constexpr size_t kLeastAtOnce = 8;    // texts of one request that are queued; twice the sessions if that is more

double length_of(const std::vector<float>& vector, int norm) {
  if (norm == kNoNorm) return 1;
  double sum = 0;
  for (const float value : vector) {
    const double size = std::fabs(double{value});
    if (norm == kLargestNorm) {
      sum = std::max(sum, size / kLargest);
    } else {
      sum += norm == 2 ? size * size : std::pow(size, norm);
    }
  }
  if (norm == kLargestNorm) return sum;
  return norm == 2 ? std::sqrt(sum) : std::pow(sum, 1.0 / norm);
}

// Everything that lives from the request to its answer.
class EmbeddingRun : public std::enable_shared_from_this<EmbeddingRun> {
 public:
  EmbeddingRun(EmbeddingJob job, ResponderPtr responder)
      : job_(std::move(job)), responder_(std::move(responder)), entries_(job_.texts.size()),
        at_once_(std::max(kLeastAtOnce, 2 * static_cast<size_t>(job_.model->service().stats().sessions))) {}

  void start() {
    const std::lock_guard lock(mutex_);
    queue_more();
  }

  // Nobody is there any more to hear the answer.
  void leave() {
    const std::lock_guard lock(mutex_);
    if (!over_) stop();
  }

 private:
  // Refused while others of the same request are queued: it is tried again when one of them ends.
  void queue_more() {
    while (!over_ && next_ < job_.texts.size() && flying_.size() < at_once_) {
      const size_t index = next_;
      auto on_end = [run = shared_from_this(), index](const Result<std::vector<float>>& states) { run->end(index, states); };
      const Result<AnswerId> id = job_.model->service().embed(job_.texts[index], job_.owner, std::move(on_end), job_.adapters);
      if (!id.ok()) {
        if (id.error().code != ErrorCode::kResource || flying_.empty()) fail(id.error());
        return;
      }
      ids_.resize(job_.texts.size());
      ids_[index] = *id;
      flying_.insert(*id);
      ++next_;
    }
  }

  void end(size_t index, const Result<std::vector<float>>& states) {
    const std::lock_guard lock(mutex_);
    flying_.erase(ids_[index]);
    if (!over_ && !states.ok()) fail(states.error());
    if (!over_) {
      entries_[index] = job_.entry(index, shape_vector(*states, job_.form));
      job_.texts[index] = {};
      if (++done_ == job_.texts.size()) finish();
    }
    queue_more();
    if (over_ && flying_.empty()) job_.model.reset();
  }

  void finish() {
    over_ = true;
    std::string joined;
    size_t bytes = entries_.size();
    for (const std::string& entry : entries_) bytes += entry.size();
    joined.reserve(bytes);
    for (std::string& entry : entries_) {
      if (!joined.empty()) joined += ',';
      joined += entry;
      entry = {};
    }
    responder_->send(200, "application/json; charset=utf-8", job_.body(std::move(joined)), std::move(job_.headers));
  }

  void fail(const Error& error) {
    ApiError told = api_error(error);
    if (error.code == ErrorCode::kCancelled) told = {503, "the request was cut off: the server is stopping", "", "", 0, 0, 1};
    if (error.code == ErrorCode::kResource) told.retry_after_seconds = job_.model->service().retry_after_seconds();
    send_error(*responder_, job_.dialect, told, job_.request_id);
    stop();
  }

  void stop() {
    over_ = true;
    for (const AnswerId id : flying_) job_.model->service().cancel(id);
    if (flying_.empty()) job_.model.reset();
  }

  EmbeddingJob job_;
  const ResponderPtr responder_;
  std::mutex mutex_;                   // of all that follows, and of job_
  std::vector<std::string> entries_;   // JSON, as they come
  const size_t at_once_;
  std::vector<AnswerId> ids_;          // per text, once it is queued
  std::set<AnswerId> flying_;          // queued or being read
  size_t next_ = 0, done_ = 0;
  bool over_ = false;                  // answered, or nobody listens
};

ApiError wrong_input(const char* field) {
  return bad_request(std::string("'") + field + "' must be a string, a list of strings, a list of token ids, or a list of lists of token ids",
                     field);
}

// A string, strings only, numbers only, or lists of numbers only.
bool is_plain(const Json& value) {
  if (value.is_string()) return true;
  if (!value.is_array()) return false;
  const auto all = [](const Json& list, auto test) { return std::all_of(list.begin(), list.end(), test); };
  const auto number = [](const Json& entry) { return entry.is_number(); };
  return all(value, [](const Json& entry) { return entry.is_string(); }) || all(value, number) ||
         all(value, [&](const Json& entry) { return entry.is_array() && all(entry, number); });
}

}  // namespace

std::vector<float> shape_vector(std::vector<float> states, const VectorForm& form) {
  if (form.dimensions > 0 && form.dimensions < static_cast<int64_t>(states.size())) states.resize(static_cast<size_t>(form.dimensions));
  const double length = length_of(states, form.norm);
  if (length > 0 && form.norm != kNoNorm) {
    for (float& value : states) value = static_cast<float>(value / length);
  }
  return states;
}

Checked<VectorForm> vector_form(const Prepared& prepared) {
  const int64_t width = prepared.model->engine().info().embedding;
  if (prepared.parameters.dimensions > width) {
    return bad_request("'dimensions' is " + std::to_string(prepared.parameters.dimensions) + ", but the embeddings of '" +
                           prepared.model->name() + "' have " + std::to_string(width),
                       "dimensions");
  }
  return VectorForm{prepared.parameters.dimensions, prepared.parameters.embedding_norm};
}

std::string vector_list(const std::vector<float>& vector) { return to_text(Json(vector)); }

std::string vector_base64(const std::vector<float>& vector) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  const size_t bytes = vector.size() * sizeof(float);
  std::string text((bytes + 2) / 3 * 4 + 2, '"');
  std::vector<unsigned char> encoded(text.size());  // with room for the end mark that is written behind
  const int length = EVP_EncodeBlock(encoded.data(), reinterpret_cast<const unsigned char*>(vector.data()), static_cast<int>(bytes));
  std::memcpy(text.data() + 1, encoded.data(), static_cast<size_t>(length));
  return text;
}

void start_embeddings(EmbeddingJob job, const ResponderPtr& responder) {
  const auto run = std::make_shared<EmbeddingRun>(std::move(job), responder);
  run->start();
  responder->on_closed([weak = std::weak_ptr<EmbeddingRun>(run)] {
    if (const std::shared_ptr<EmbeddingRun> still = weak.lock()) still->leave();
  });
}

int64_t count_tokens(const Texts& texts) {
  int64_t count = 0;
  for (const std::vector<int32_t>& text : texts) count += static_cast<int64_t>(text.size());
  return count;
}

Checked<Texts> read_inputs(const Engine& engine, const Json& body, const char* field, bool raw_prompts) {
  const Json* value = find_member(body, field);
  if (value != nullptr && !raw_prompts && !is_plain(*value)) return wrong_input(field);
  Checked<std::vector<RawPrompt>> prompts = read_prompts(engine, body, field, {kMaxInputs, /*whole=*/true});
  if (!prompts.ok()) return prompts.error();
  Texts texts;
  for (RawPrompt& prompt : *prompts) texts.push_back(std::move(prompt.tokens));
  return texts;
}

}  // namespace hearth::server
