// SuffixDrafter: guesses that what followed the longest repeated ending of the timeline follows again.
//
// Contract: a suffix automaton finds, exactly and in amortised constant time per token, the longest suffix of the timeline
// that also occurs earlier; the guess is what followed a late earlier occurrence, continued periodically where that runs
// into the end. Memory grows with the timeline, to at most kMaxTokens indexed tokens; then the older half is forgotten.
// Not here: guesses of another model (speculation/model_drafter.h).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/speculation/drafter.h"

namespace hearth {

class SuffixDrafter final : public Drafter {
 public:
  static constexpr int64_t kMaxTokens = int64_t{1} << 17;  // about 110 bytes each

  explicit SuffixDrafter(int64_t max_tokens = kMaxTokens) : max_tokens_(max_tokens) {}
  void begin(std::span<const int32_t> timeline, const text::SamplerOptions& options) override;
  void extend(int32_t token) override;
  int confidence(int ahead) const override;
  std::span<const int32_t> propose(int most) override;
  bool is_free() const override { return true; }

  // The longest suffix that occurs earlier, and where one such occurrence ends (index behind its last token).
  int64_t match_length() const { return match_length_; }
  int64_t match_end() const { return match_end_; }

 private:
  struct State {
    int32_t length;      // of its longest string
    int32_t link;        // the state of its longest suffix that is in another state; -1: none
    int32_t end;         // index behind a late occurrence
    int32_t first_edge;  // -1: none
  };
  struct Edge {
    int32_t state, token, target;
    int32_t next;        // of the same state
  };

  void clear();
  void forget_half();
  int32_t add_state(int32_t length, int32_t link, int32_t end);
  int32_t find_edge(int32_t state, int32_t token) const;
  void add_edge(int32_t state, int32_t token, int32_t target);
  void grow_slots();
  int32_t split(int32_t parent, int32_t token, int32_t target);

  int64_t max_tokens_;
  std::vector<int32_t> tokens_;
  std::vector<State> states_;
  std::vector<Edge> edges_;
  std::vector<int32_t> slots_;  // open addressing: index into edges_ or -1; a power of two, at most half full
  int32_t last_ = 0;            // state of the whole timeline
  int64_t match_length_ = 0, match_end_ = 0;
  std::vector<int32_t> draft_;
};

}  // namespace hearth
