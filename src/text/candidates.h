// The tokens that are still possible while a sampler's filters run, and their best ones without sorting them all.
//
// Contract: order is value descending, then token id ascending (docs/numerics.md, rule 8); head(m) is exactly the first m
// of a full sort. Entries lie in id order. Buffers are sized once for the vocabulary; no call allocates afterwards.
// Not here: the filters themselves (text/sampler.cpp).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/table.h"

namespace hearth::text {

class CandidateSet {
 public:
  struct Ranked {
    float value;
    int32_t index;  // into values(); ascending index is ascending id
  };

  CandidateSet(int32_t vocabulary, const kernels::KernelTable& table);

  // All tokens, id i with values[i]. The values are read in place and must stay as they are while the set is used.
  void reset(std::span<const float> values);
  int64_t size() const { return size_; }
  int64_t vocabulary() const { return static_cast<int64_t>(ids_.size()); }
  std::span<const float> values() const { return {values_, static_cast<size_t>(size_)}; }
  int32_t id(int32_t index) const { return dense_ ? index : ids_[static_cast<size_t>(index)]; }
  // Index of a token, -1 if it was filtered out.
  int32_t find(int32_t id) const;
  float maximum();  // of values()

  // The best min(count, size()) in order. Valid until the next call of a non-const member.
  std::span<const Ranked> head(int64_t count);
  // Values at or above `bound`, in id order (same validity as head).
  std::span<const Ranked> at_least(float bound);

  // All entries in id order (same validity), for filters that compact them in place and hand the front to keep().
  std::span<Ranked> everything();

  // Keeps these entries only; they may be in any order and may be what head() or at_least() gave.
  void keep(std::span<const Ranked> kept);
  // Keeps the tokens whose bits are set: bit t of word t / 64. Only before anything was filtered out.
  void keep_allowed(std::span<const uint64_t> words);
  // For changing values: a private copy is made if they are still the caller's.
  std::span<float> writable();

  // exp((value - maximum) * inverse_temperature) for all entries; returns the 16-lane sum in id order.
  float weigh(float inverse_temperature);
  float weight(int32_t index) const { return weights_[static_cast<size_t>(index)]; }

 private:
  static constexpr int64_t kChunk = 128;  // values per chunk maximum

  void find_chunk_maxima();
  void gather(float bound);  // into ranked_, id order
  void gather_all();

  const kernels::KernelTable& table_;
  const float* values_ = nullptr;
  int64_t size_ = 0;
  bool dense_ = true;        // entry i is token i
  bool maxima_known_ = false;
  int64_t sorted_ = 0;       // so many of ranked_ are the sorted head
  std::vector<float> own_values_, weights_, maxima_, order_;
  std::vector<int32_t> ids_;
  std::vector<Ranked> ranked_;
};

}  // namespace hearth::text
