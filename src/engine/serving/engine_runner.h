// EngineRunner: carries out on an Engine what the Scheduler decides.
//
// Contract: owns the sessions and the state of every accepted answer, and calls its callbacks. One thread.
// Not here: who is next (serving/scheduler.h), other threads (serving/service.h).
#pragma once

#include <atomic>
#include <memory>
#include <unordered_map>
#include <vector>

#include "engine/decoding.h"
#include "engine/embed.h"
#include "engine/serving/answer.h"
#include "engine/serving/prefix_cache.h"
#include "engine/serving/scheduler.h"
#include "engine/speculation/speculator.h"
#include "hearth/engine.h"

namespace hearth {

class EngineRunner {
 public:
  struct Totals {
    int64_t prompt_tokens = 0, reused_tokens = 0, answer_tokens = 0;
    int64_t embeddings = 0;
    int64_t steps = 0, step_tokens = 0;
    int64_t drafted_tokens = 0, accepted_tokens = 0;
    double prompt_seconds = 0, answer_seconds = 0;
    double mean_answer_seconds = 0;      // from a session to its end, of late answers
  };

  struct Options {
    bool speculate = true;
    bool adaptive_guesses = true;        // false: as many guesses as may be, whatever they cost
    bool cache_per_owner = false;        // owners do not share what is remembered
  };

  EngineRunner(const Engine& engine, const Options& options) : engine_(engine), options_(options) {}
  // Before the first answer; without it nothing is remembered.
  void use(PrefixCache* cache) { cache_ = cache; }

  void add(AnswerId id, AnswerRequest request, AnswerCallbacks callbacks);
  void add_embedding(AnswerId id, AnswerRequest request, EmbeddingCallback on_end);
  // For the scheduler, but for `now_ns` and `end`, in which others have a part.
  Scheduler::Runner functions();
  Result<void> step(std::span<Scheduler::Item> items, const std::atomic<bool>* cancel);
  void end(AnswerId id, const Result<void>& outcome);

  // Whether an answer waits for what is being read.
  bool fetches() const { return fetching_ != 0 && cache_->fetching(fetching_); }
  // Tells a waiting answer how many are before it.
  void tell_waiting(AnswerId id, int64_t before);
  const Totals& totals() const { return totals_; }
  // Of an answer: tokens of its prompt, of these reused, tokens made, and tokens it may still make (-1: no limit).
  struct Progress {
    int64_t prompt_tokens = 0, reused_tokens = 0, answer_tokens = 0, tokens_left = -1;
    bool line_ended = false;
    std::shared_ptr<const GenerateOptions> options;
  };
  Progress progress(AnswerId id) const;

 private:
  struct Entry {
    AnswerRequest request;
    AnswerCallbacks callbacks;
    std::shared_ptr<const GenerateOptions> options;  // of the request, for those who ask
    AdapterSet adapters;
    std::vector<int32_t> timeline;       // what its session must hold before it decodes, once it was preempted
    std::unique_ptr<Session> session;
    std::unique_ptr<Speculator> speculator;
    std::unique_ptr<Decoding> decoding;  // from the first session on
    std::unique_ptr<Pooler> pooler;      // of an embedding, which has no decoding
    Engine::HiddenVisitor visit_hidden;
    EmbeddingCallback on_embedding;
    bool begun = false;                  // the first token has been drawn
    bool asked_disk = false;
    bool sound = true;                   // no step of it failed: what its session holds may be remembered
    int64_t reused = 0;
    int64_t opened_ns = 0, begun_ns = 0;
    size_t shown_text = 0, shown_tokens = 0;

    std::span<const int32_t> target() const { return timeline.empty() ? std::span<const int32_t>(request.prompt) : timeline; }
  };

  Entry& entry(AnswerId id) { return entries_.at(id); }
  std::string_view scope_of(const Entry& entry) const {
    return options_.cache_per_owner ? entry.request.owner : std::string_view();
  }
  AdapterSet adapters_of(const std::optional<AdapterSet>& wanted) const;
  bool reuses(const Entry& entry) const { return cache_ != nullptr && entry.request.reuse_prefix; }
  void remember(const Entry& entry, int64_t size);
  bool ready(AnswerId id);
  Result<int64_t> open(AnswerId id);
  void close(AnswerId id);
  Result<void> begin(Entry& entry);
  void prepare(std::span<Scheduler::Item> items);
  bool drop_guesses(std::span<Scheduler::Item> items);
  double learn_cost(std::span<const Scheduler::Item> items, double seconds);
  void finish_item(Scheduler::Item& item, const Engine::StepItem& part, int64_t before, double seconds);
  void finish_prompt_piece(Entry& entry, const Scheduler::Item& item);
  void count_step(std::span<const Scheduler::Item> items, double seconds);
  void tell_prompt(const Entry& entry) const;
  void show(Entry& entry);
  void end_embedding(AnswerId id, const Result<void>& outcome);
  void count_end(const Entry& entry);

  const Engine& engine_;
  const Options options_;
  StepCosts costs_;                      // of steps without a prompt
  PrefixCache* cache_ = nullptr;
  uint64_t fetching_ = 0;
  std::unordered_map<AnswerId, Entry> entries_;
  std::vector<Engine::StepItem> parts_;  // of the step
  std::vector<int64_t> sizes_;           // of the sessions before it
  Totals totals_;
};

}  // namespace hearth
