// Contract and exclusions: server/generation.h.
#include "server/generation.h"

#include <mutex>

namespace hearth::server {

namespace {

// Everything that lives from the request to the last event.
struct Run {
  std::shared_ptr<Models::Lease> model;
  AnswerEvents events;
  std::mutex mutex;                    // events come one at a time, whatever thread finds them
  std::vector<GenerateResult> results;
  std::vector<AnswerId> ids;
  size_t ended = 0;                    // answers that were accepted and have ended
  size_t expected = 0;                 // answers in all; fewer once one was refused
  bool failed = false;

  void fail(const ApiError& error) {
    if (failed) return;
    failed = true;
    if (events.on_error) events.on_error(error);
  }

  void cancel_all(Service& service) {
    std::vector<AnswerId> running;
    {
      const std::lock_guard lock(mutex);
      running = ids;
    }
    for (const AnswerId id : running) service.cancel(id);
  }

  void end(int index, const Result<GenerateResult>& result) {
    const std::lock_guard lock(mutex);
    ++ended;
    if (!result.ok()) {
      fail(api_error(result.error()));
    } else if (result->finish_reason == FinishReason::kCancelled) {
      fail({503, "the answer was cut off: the server is stopping", "", "", 0, 0, 1});  // or nobody is there to hear it
    } else if (!failed) {
      results[static_cast<size_t>(index)] = *result;
      if (events.on_end) events.on_end(index, *result);
      if (ended == expected) events.on_done(results);
    }
    if (ended == expected) model.reset();
  }
};

AnswerCallbacks callbacks_of(const std::shared_ptr<Run>& run, int index, const std::shared_ptr<Responder>& responder) {
  AnswerCallbacks callbacks;
  callbacks.behind = [weak = std::weak_ptr<Responder>(responder)] {
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

}  // namespace

Checked<Nothing> check_prompt_fits(const Engine& engine, std::span<const int32_t> prompt) {
  const auto tokens = static_cast<int64_t>(prompt.size());
  if (tokens > engine.info().context) return context_exceeded(tokens, engine.info().context);
  return Nothing{};
}

void start_answers(Generation generation, AnswerEvents events, const std::shared_ptr<Responder>& responder) {
  const std::shared_ptr<Models::Lease> model = generation.model;
  const auto run = std::make_shared<Run>();
  run->model = model;
  run->events = std::move(events);
  const int choices = generation.parameters.choices;
  run->expected = generation.prompts.size() * static_cast<size_t>(choices);
  run->results.resize(run->expected);
  bool refused = false;
  for (size_t index = 0; index < run->results.size(); ++index) {
    AnswerRequest request;
    request.prompt = generation.prompts[index / static_cast<size_t>(choices)];
    request.options = generation.parameters.generate;
    request.options.sampler.choice = static_cast<uint32_t>(index % static_cast<size_t>(choices));
    request.owner = generation.owner;
    request.reuse_prefix = generation.parameters.reuse_prefix;
    const size_t prompt_tokens = request.prompt.size();
    const Result<AnswerId> id = model->service().submit(std::move(request), callbacks_of(run, static_cast<int>(index), responder));
    const std::lock_guard lock(run->mutex);
    if (!id.ok()) {
      run->fail(refusal(*model, id.error(), prompt_tokens));
      refused = true;
      run->expected = index;
      if (run->ended == run->expected) run->model.reset();
      break;
    }
    run->ids.push_back(*id);
  }
  // The responder must not keep the run alive: the run holds the responder by way of its events.
  responder->on_closed([weak = std::weak_ptr<Run>(run), model = std::weak_ptr<Models::Lease>(model)] {
    const std::shared_ptr<Run> still = weak.lock();
    const std::shared_ptr<Models::Lease> lease = model.lock();
    if (still && lease) still->cancel_all(lease->service());
  });
  if (refused) run->cancel_all(model->service());
}

}  // namespace hearth::server
