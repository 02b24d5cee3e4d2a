// What the architecture descriptions share: range-checked access to hyper-parameters and the common decoder layer.
//
// Contract: every number is checked against its documented range before use (limits below).
// Not here: the descriptions themselves (one file each), tensors (weights.h).
#pragma once

#include <string>
#include <string_view>

#include "gguf/view.h"
#include "model/spec.h"

namespace hearth::model::archs {

inline constexpr int64_t kMaxLayers = 1024;
inline constexpr int64_t kMaxWidth = 1 << 17;
inline constexpr int64_t kMaxFeedForward = 1 << 19;
inline constexpr int64_t kMaxHeads = 1024;
inline constexpr int64_t kMaxContext = int64_t{1} << 27;
inline constexpr int64_t kMaxVocabulary = 1 << 22;

// Hyper-parameters of one file; key names are given without the architecture prefix.
class Keys {
 public:
  Keys(const gguf::View& view, std::string architecture) : view_(view), architecture_(std::move(architecture)) {}
  const gguf::View& view() const { return view_; }
  const std::string& architecture() const { return architecture_; }
  bool has(std::string_view key) const { return view_.has(full(key)); }
  // Required / with a default if absent. Present but of another type or out of range: kCorrupt naming key and range.
  Result<int64_t> integer(std::string_view key, int64_t low, int64_t high) const;
  Result<int64_t> integer_or(std::string_view key, int64_t low, int64_t high, int64_t absent) const;
  // One value per layer: a scalar, or an array as long as the layer count.
  Result<std::vector<int64_t>> per_layer(std::string_view key, int64_t layers, int64_t low, int64_t high,
                                         int64_t absent) const;
  Result<double> number(std::string_view key, double low, double high) const;
  Result<double> number_or(std::string_view key, double low, double high, double absent) const;
  std::string text_or(std::string_view key, std::string_view absent) const;
  // Refuses what no description here handles: a key that says more than `neutral`.
  Result<void> refuse_above(std::string_view key, int64_t neutral, const char* feature) const;
  Error error(std::string_view key, const std::string& problem) const;

 private:
  std::string full(std::string_view key) const { return architecture_ + "." + std::string(key); }
  const gguf::View& view_;
  std::string architecture_;
};

// The pre-norm decoder that all descriptions start from: widths, heads, feed-forward, one rope.
// Every layer has GroupedQueryAttention and GatedFeedForward.
Result<ModelSpec> describe_decoder(const Keys& keys);
// Applies <arch>.rope.scaling.* to `rope`; kUnsupported names a type that is not handled.
Result<void> read_rope_scaling(const Keys& keys, RopeSpec& rope);

Result<ModelSpec> describe_llama(const Keys& keys);
Result<ModelSpec> describe_qwen2(const Keys& keys);
Result<ModelSpec> describe_gemma3(const Keys& keys);

}  // namespace hearth::model::archs
