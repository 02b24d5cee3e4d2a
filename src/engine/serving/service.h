// Answers for many: one thread that owns an Engine and steps all its sessions together.
//
// Contract: submit, cancel and stats may be called from any thread. One step is one token (or a trial of guesses) of every
// answer that is being made, and a piece of somebody's prompt, bounded by measured time. Owners share fairly. An error of one
// answer ends that answer only. Answers that are waiting are bounded; one that stops making progress is ended and logged.
// Not here: models by name (server/models), the order of steps (serving/scheduler.h), HTTP.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/serving/answer.h"

namespace hearth {

struct ServiceOptions {
  int max_sessions = 4;                 // answers made at the same time
  int queue_limit = 512;                // answers that wait
  int64_t watchdog_seconds = 600;       // without progress
  int64_t prefix_cache_bytes = 0;       // of the pool, for prompts of the past; 0: none
  std::string prefix_disk_folder;       // empty: none
  int64_t prefix_disk_bytes = 0;
  std::string model_sha256;             // of the model file; empty: computed from it if prompts are kept on disk
  bool cache_per_owner = false;         // owners do not see from the time of an answer what others asked
  bool speculate = true;
};

struct ServiceStats {
  int64_t waiting = 0;                  // answers in the queue
  int64_t running = 0;                  // answers being made
  int64_t sessions = 0;                 // that may run at once
  int64_t prompt_tokens = 0;            // worked through, since the start; without reused ones
  int64_t reused_tokens = 0;
  int64_t answer_tokens = 0;
  int64_t embeddings = 0;               // texts read for them
  int64_t steps = 0;
  int64_t step_tokens = 0;              // of all steps together
  int64_t drafted_tokens = 0, accepted_tokens = 0;
  double prompt_seconds = 0, answer_seconds = 0;
  int64_t pool_bytes = 0, pool_used_bytes = 0, cache_bytes = 0, cache_disk_bytes = 0;
  int64_t cache_hits = 0, cache_misses = 0;
};

// One session as `GET /slots` tells of it; carries no text.
struct SessionStats {
  int id = 0;
  AnswerId answer = 0;                  // 0: idle
  int64_t context = 0;
  int64_t prompt_tokens = 0, prompt_done = 0, prompt_reused = 0;
  int64_t answer_tokens = 0, tokens_left = -1;
  bool line_ended = false;              // the answer has a line end
  bool speculates = false;
  std::shared_ptr<const GenerateOptions> options;  // of the answer
};

class Service {
 public:
  static Result<std::unique_ptr<Service>> start(std::unique_ptr<Engine> engine, const ServiceOptions& options);
  // Cancels what is left; every accepted answer hears its end before this returns.
  ~Service();
  const Engine& engine() const;

  // Errors, all before anything is queued: kResource (the queue is full; retry_after_seconds() says when it is worth it),
  // kContextFull, kInvalidArgument (options out of range, empty prompt, unknown adapters).
  Result<AnswerId> submit(AnswerRequest request, AnswerCallbacks callbacks);
  // The pooled hidden states of a text, made in steps with the answers and queued like one. It may be cancelled.
  Result<AnswerId> embed(std::vector<int32_t> tokens, const std::string& owner, EmbeddingCallback on_end,
                         std::optional<AdapterSet> adapters = std::nullopt);
  void cancel(AnswerId id);             // an unknown or ended one: nothing happens
  // What is in effect for answers, from the next one on, that ask for no adapters: first the engine's default ones.
  Result<void> set_default_adapters(std::span<const AdapterScale> adapters);
  AdapterSet default_adapters() const;
  int retry_after_seconds() const;
  // Refuses new answers from now on and waits for the others, so long at most. True once there are none.
  bool drain(int64_t milliseconds);

  // How long the thread has been at its present step; 0 while it waits for something to do.
  double busy_seconds() const;
  ServiceStats stats() const;
  std::vector<SessionStats> sessions() const;

  struct Impl;

 private:
  explicit Service(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth
