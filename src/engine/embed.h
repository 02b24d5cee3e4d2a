// A text as one vector: the hidden states after the last norm, pooled as the model's file says, else their mean.
//
// Contract: the bits do not depend on chunks, batches or threads; the length is the model's width and nothing is scaled.
// kContextFull if the tokens do not fit, kUnsupported if the file is made for something else than embeddings (ranking).
// Not here: scaling to length one, fewer dimensions, several texts (callers); running among answers (serving/service.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "hearth/engine.h"

namespace hearth {

enum class Pooling { kMean, kFirst, kLast };

Result<Pooling> pooling_of(const ModelInfo& info);

// Takes the states of a text in order.
class Pooler {
 public:
  Pooler(Pooling pooling, int64_t width) : pooling_(pooling), sum_(static_cast<size_t>(width)) {}

  void add(std::span<const float> state);
  // From here on a piece is tried; drop_piece() goes back to where it began.
  void begin_piece();
  void drop_piece();
  void clear();
  std::vector<float> result() const;

 private:
  Pooling pooling_;
  std::vector<double> sum_;      // mean: of all states; first, last: that state
  int64_t count_ = 0;
  std::vector<double> saved_sum_;
  int64_t saved_count_ = 0;
};

// With a session of its own, which must be empty.
Result<std::vector<float>> embed(const Engine& engine, Session& session, std::span<const int32_t> tokens,
                                 const std::atomic<bool>* cancel = nullptr);

}  // namespace hearth
