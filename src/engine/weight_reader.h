// WeightReader: brings a model's weights into memory in the order in which a pass over the layers needs them, beside
// whatever else the program does.
//
// Contract: create() returns at once; a thread of its own maps pages that are in memory and reads those that are not, a
// stretch ahead of itself, so that the disk never waits for computing. It only ever makes first uses of a page cheaper:
// nothing waits for it, failures are left to whoever uses the bytes. The destructor stops it; the mapping must outlive it.
// Not here: whether there is memory for all weights (engine/memory.h).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "model/weights.h"

namespace hearth {

class WeightReader {
 public:
  using Bytes = std::span<const std::byte>;
  // Matrices in the order of use. An embedding that is not the head too is left out: only rows of it are looked up.
  static std::vector<Bytes> order_of_use(const model::Weights& weights);

  explicit WeightReader(const std::vector<Bytes>& pieces);
  WeightReader(const WeightReader&) = delete;
  WeightReader& operator=(const WeightReader&) = delete;
  ~WeightReader();

  int64_t done_bytes() const { return done_.load(std::memory_order_relaxed); }
  int64_t total_bytes() const { return total_; }

 private:
  void read_all();

  std::vector<Bytes> steps_;  // fixed before the thread starts
  int64_t total_ = 0;
  std::atomic<int64_t> done_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace hearth
