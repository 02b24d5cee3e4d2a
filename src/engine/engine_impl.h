// What an Engine and its Sessions are made of; shared by engine.cpp, session.cpp and verify.cpp only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backend/cpu/cpu_backend.h"
#include "base/thread_pool.h"
#include "gguf/view.h"
#include "engine/answer_shape.h"
#include "engine/weight_reader.h"
#include "hearth/engine.h"
#include "kernels/table.h"
#include "model/adapter.h"
#include "model/executor.h"
#include "model/kv_cache.h"
#include "model/spec.h"
#include "model/weights.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"
#include "text/tools/answer_format.h"

namespace hearth {

// Tokens per pass over the weights.
inline constexpr int kMaxBatchTokens = 512;
static_assert(Engine::kMaxVerifiedTokens == kMaxBatchTokens);

struct Engine::Impl {
  // Appends items[i].tokens to items[i].session; `visit`, if given (then items is one), sees the logits of every token.
  Result<void> run(std::span<const StepItem> items, int chunk, const std::atomic<bool>* cancel,
                   const Session::LogitsVisitor* visit);

  std::unique_ptr<gguf::View> view;
  const kernels::KernelTable* table = nullptr;
  model::ModelSpec spec;
  std::unique_ptr<model::Weights> weights;
  std::unique_ptr<WeightReader> reader;
  std::vector<std::unique_ptr<model::Adapter>> adapters;
  std::vector<AdapterInfo> adapter_infos;
  AdapterSet default_adapters;
  model::PageLayout pages;
  ModelInfo info;
  MemoryPlan plan;
  std::unique_ptr<text::Tokenizer> tokenizer;
  std::unique_ptr<text::ChatTemplate> chat_template;
  text::tools::AnswerFormat answer_format;
  std::unique_ptr<GrammarCache> grammars;
  std::unique_ptr<model::PagePool> pool;
  std::unique_ptr<ThreadPool> threads;
  std::unique_ptr<backend::CpuBackend> backend;
  std::unique_ptr<model::Executor> executor;
  int max_sessions = 1;
  int live_sessions = 0;

  // Working space of run(), sized once.
  std::vector<int32_t> batch_ids;
  std::vector<backend::AttentionRun> batch_runs;
  std::vector<model::AdapterSpan> batch_adapted;
  std::vector<int64_t> taken;            // per item: tokens already committed
  std::vector<int> batch_items;          // item of each run
  std::vector<float> visit_logits;       // [kHeadRows, vocabulary], on first use
  struct Trial { int item; int first; int count; int seen; };  // rows of a verified item, those that its verifier has seen
  std::vector<Trial> verified;

 private:
  void add_adapted(const backend::AttentionRun& run, const Session::Impl& session);
  Result<void> reserve(std::span<const StepItem> items);
  Result<void> run_batches(std::span<const StepItem> items, int chunk, const std::atomic<bool>* cancel,
                           const Session::LogitsVisitor* visit);
  void fill_batch(std::span<const StepItem> items, int64_t limit);
  Result<void> finish_batch(std::span<const StepItem> items, const Session::LogitsVisitor* visit);
  Result<void> visit_hidden(const backend::AttentionRun& run, const HiddenVisitor& visit);
  Result<void> visit_rows(std::span<const StepItem> items, const Session::LogitsVisitor& visit);
  Result<void> check_verified(std::span<const StepItem> items) const;
  Result<void> verify_rows(std::span<const StepItem> items);
  Result<bool> verify_round(std::span<const StepItem> items);
};

struct Session::Impl {
  Impl(Engine::Impl& owner, std::unique_ptr<model::KvSequence> sequence, AdapterSet adapter_set);
  ~Impl() { --engine.live_sessions; }

  Engine::Impl& engine;
  std::unique_ptr<model::KvSequence> kv;
  std::vector<int32_t> tokens;           // capacity for the whole context
  std::vector<float> logits;             // [vocabulary]
  bool has_logits = false;
  const AdapterSet adapters;
  std::vector<model::AdapterUse> uses;   // the same, as blocks read them
};

}  // namespace hearth
