// Executor: walks the layers of any ModelSpec for a batch of tokens.
//
// Contract: forward() writes the batch's keys and values and leaves the last hidden states; head() turns chosen rows into
// logits. No allocation after create(). Results do not depend on how tokens are grouped into batches.
// Not here: one layer's maths (blocks/), sessions and limits (engine).
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "backend/ops.h"
#include "model/blocks/blocks.h"
#include "model/kv_cache.h"
#include "model/spec.h"
#include "model/weights.h"
#include "tensor/storage.h"

namespace hearth::model {

// Tokens of several sessions that pass through the model together.
struct Batch {
  std::span<const int32_t> ids;                    // [tokens]
  std::span<const backend::AttentionRun> runs;     // in row order, covering all tokens; refined ones take two rows each
  std::span<const AdapterSpan> adapted = {};       // tokens with adapters, in row order; kept until the next batch
};

class Executor {
 public:
  // Logits are made for at most this many rows at a time.
  static constexpr int kHeadRows = 8;

  // `adapter_ranks`: the ranks that one token's input of one group of weights may meet, of all its adapters together.
  static Result<std::unique_ptr<Executor>> create(const ModelSpec& spec, const Weights& weights, const PageLayout& pages,
                                                  backend::Backend& backend, int max_tokens, int64_t adapter_ranks = 0);
  static uint64_t scratch_bytes(const ModelSpec& spec, int max_tokens, int64_t adapter_ranks = 0);

  // Errors: kNumeric names layer and op; kCancelled if `cancel` became true (read between layers).
  Result<void> forward(const Batch& batch, const std::atomic<bool>* cancel);
  // Logits of rows of the last batch: out[i] is [vocabulary] of rows[i]. At most kHeadRows rows.
  Result<void> head(std::span<const int> rows, std::span<float* const> out);
  // Rows of the last batch after the last norm, [count, width]; valid until the next call. At most kHeadRows rows.
  Result<const float*> hidden(int first, int count);
  int max_tokens() const { return max_tokens_; }

 private:
  Executor(const ModelSpec& spec, const Weights& weights, const PageLayout& pages, backend::Backend& backend,
           int max_tokens)
      : spec_(spec), weights_(weights), pages_(pages), backend_(backend), max_tokens_(max_tokens) {}
  void fill_ropes(const Batch& batch);
  std::span<const AdapterSpan> adapted_rows(std::span<const int> rows);
  void fill_refined(const Batch& batch);

  const ModelSpec& spec_;
  const Weights& weights_;
  const PageLayout& pages_;
  backend::Backend& backend_;
  int max_tokens_;
  tensor::Storage storage_;
  BlockScratch scratch_;
  std::vector<int32_t> refined_;                         // rows of the batch
  std::vector<std::vector<float>> inverse_frequencies_;  // [ropes][pairs]
  std::vector<float*> cos_sin_;                          // [ropes] -> [max_tokens, pairs, 2]
  std::vector<backend::Rope> ropes_;
  std::span<const AdapterSpan> adapted_;  // of the last batch
  AdapterScratch adapter_scratch_;
  std::vector<AdapterSpan> head_adapted_;
  backend::Activation head_in_;
  float* head_x_ = nullptr;       // [kHeadRows, width]
  float* head_logits_ = nullptr;  // [kHeadRows, vocabulary]
};

}  // namespace hearth::model
