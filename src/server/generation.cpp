// Contract and exclusions: server/generation.h.
#include "server/generation.h"

#include <algorithm>
#include <mutex>

#include "server/http/request_record.h"

namespace hearth::server {

namespace {

constexpr size_t kMostAtOnce = 32;  // answers of one request in the service's queue and at work; the others follow

// Everything that lives from the request to the last event.
struct Run : std::enable_shared_from_this<Run> {
  Generation request;
  AnswerEvents events;
  std::weak_ptr<Responder> reader;
  std::shared_ptr<RequestRecord> record;  // of the request; may be null
  std::mutex mutex;                    // events come one at a time, whatever thread finds them
  std::vector<GenerateResult> results;
  std::vector<AnswerId> ids;           // of those that were accepted
  size_t ended = 0;                    // of these
  bool failed = false;                 // no more answers are begun

  Service& service() const { return request.model->service(); }
  void fail(const ApiError& error);
  void note(const GenerateResult& result) const;
  void cancel_all();
  void submit_more();
  Result<AnswerId> submit(size_t index);
  void end(int index, const Result<GenerateResult>& result);
  // Whoever still holds the run does not hold these.
  void let_go() {
    request.model.reset();
    record.reset();
  }
};

// What is at work for nobody is given up.
void Run::fail(const ApiError& error) {
  if (failed) return;
  failed = true;
  if (record) record->add([&](RequestFacts& facts) { facts.error = error.message; });
  if (events.on_error) events.on_error(error);
  cancel_all();
}

void Run::note(const GenerateResult& result) const {
  if (!record) return;
  record->add([&](RequestFacts& facts) {
    ++facts.answers;
    facts.prompt_tokens += result.prompt_tokens;
    facts.reused_tokens += result.reused_tokens;
    facts.answer_tokens += static_cast<int64_t>(result.tokens.size());
    facts.prompt_ms = std::max(facts.prompt_ms, result.prompt_ms);
    facts.answer_ms = std::max(facts.answer_ms, result.decode_ms);
    facts.finish_reason = finish_reason_name(result.finish_reason);
    if (record->keeps_texts()) facts.answered += (facts.answered.empty() ? "" : "\n") + result.text;
  });
}

void Run::cancel_all() {
  for (const AnswerId id : ids) service().cancel(id);
}

void Run::end(int index, const Result<GenerateResult>& result) {
  const std::lock_guard lock(mutex);
  ++ended;
  if (result.ok()) note(*result);
  if (!result.ok()) {
    fail(api_error(result.error()));
  } else if (result->finish_reason == FinishReason::kCancelled) {
    fail({503, "the answer was cut off: the server is stopping", "", "", 0, 0, 1});  // or nobody is there to hear it
  } else if (!failed) {
    results[static_cast<size_t>(index)] = *result;
    if (events.on_end) events.on_end(index, *result);
    submit_more();
    if (ended == results.size() && !failed) events.on_done(results);
  }
  if (ended == ids.size()) let_go();
}

AnswerCallbacks callbacks_of(const std::shared_ptr<Run>& run, int index) {
  AnswerCallbacks callbacks;
  callbacks.behind = [weak = run->reader] {
    const std::shared_ptr<Responder> reader = weak.lock();
    return reader && reader->behind();
  };
  if (index == 0 && run->events.on_prompt) {
    callbacks.on_prompt = [run](const PromptProgress& progress) {
      const std::lock_guard lock(run->mutex);
      if (!run->failed) run->events.on_prompt(progress);
    };
  }
  if (run->events.on_text) {
    callbacks.on_text = [run, index](std::string_view text, std::span<const GeneratedToken> tokens) {
      const std::lock_guard lock(run->mutex);
      if (!run->failed) run->events.on_text(index, text, tokens);
    };
  }
  callbacks.on_end = [run, index](const Result<GenerateResult>& result) { run->end(index, result); };
  return callbacks;
}

ApiError refusal(const Models::Lease& model, const Error& error, size_t prompt_tokens) {
  if (error.code == ErrorCode::kContextFull) {
    return context_exceeded(static_cast<int64_t>(prompt_tokens), model.engine().info().context);
  }
  ApiError result = api_error(error);
  if (result.status == 503) result.retry_after_seconds = model.service().retry_after_seconds();
  return result;
}

Result<AnswerId> Run::submit(size_t index) {
  const auto choices = static_cast<size_t>(request.parameters.choices);
  AnswerRequest answer;
  answer.prompt = request.prompts[index / choices];
  answer.options = request.parameters.generate;
  answer.options.sampler.choice = static_cast<uint32_t>(index % choices);
  answer.owner = request.owner;
  answer.adapters = request.parameters.adapters;
  answer.reuse_prefix = request.parameters.reuse_prefix;
  return service().submit(std::move(answer), callbacks_of(shared_from_this(), static_cast<int>(index)));
}

// Called again whenever an answer has ended, until all have been accepted. While some are at work a full queue is waited for.
void Run::submit_more() {
  while (!failed && ids.size() < results.size() && ids.size() - ended < kMostAtOnce) {
    const size_t index = ids.size();
    const Result<AnswerId> id = submit(index);
    if (!id.ok() && id.error().code == ErrorCode::kResource && index > ended) return;
    if (!id.ok()) {
      const auto choices = static_cast<size_t>(request.parameters.choices);
      return fail(refusal(*request.model, id.error(), request.prompts[index / choices].size()));
    }
    ids.push_back(*id);
  }
}

}  // namespace

Checked<Nothing> check_prompt_fits(const Engine& engine, std::span<const int32_t> prompt) {
  const auto tokens = static_cast<int64_t>(prompt.size());
  if (tokens > engine.info().context) return context_exceeded(tokens, engine.info().context);
  return Nothing{};
}

void start_answers(Generation generation, AnswerEvents events, const std::shared_ptr<Responder>& responder) {
  const auto run = std::make_shared<Run>();
  run->results.resize(generation.prompts.size() * static_cast<size_t>(generation.parameters.choices));
  run->request = std::move(generation);
  run->events = std::move(events);
  run->reader = responder;
  run->record = responder->record();
  if (run->record) {
    const Models::Lease& model = *run->request.model;
    run->record->add([&](RequestFacts& facts) { facts.model = model.name(), facts.load_ms = model.load_ms(); });
  }
  // The responder must not keep the run alive: the run holds the responder by way of its events.
  responder->on_closed([weak = std::weak_ptr<Run>(run)] {
    const std::shared_ptr<Run> still = weak.lock();
    if (!still) return;
    const std::lock_guard lock(still->mutex);
    if (!still->request.model) return;  // all have ended
    still->failed = true;
    still->cancel_all();
  });
  const std::lock_guard lock(run->mutex);
  run->submit_more();
  if (run->ended == run->ids.size()) run->let_go();
}

}  // namespace hearth::server
