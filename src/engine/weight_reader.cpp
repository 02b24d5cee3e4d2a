// The reading thread; see weight_reader.h.
#include "engine/weight_reader.h"

#include <algorithm>
#include <system_error>

#include "base/clock.h"
#include "base/page_in.h"

namespace hearth {
namespace {

constexpr size_t kStep = size_t{4} << 20;       // mapped at a time; bounds how long a stop takes
constexpr size_t kStepsAhead = 16;              // asked of the disk before they are needed
constexpr double kSlowSeconds = 0.4e-3;         // a step that takes longer waits for a disk

void add(const tensor::Tensor& matrix, std::vector<WeightReader::Bytes>* pieces) {
  if (matrix.present()) pieces->push_back({static_cast<const std::byte*>(matrix.data), static_cast<size_t>(matrix.bytes())});
}

}  // namespace

std::vector<WeightReader::Bytes> WeightReader::order_of_use(const model::Weights& weights) {
  std::vector<Bytes> pieces;
  for (const model::LayerWeights& layer : weights.layers) {
    const model::AttentionWeights& attention = layer.attention;
    for (const model::Linear* linear : {&attention.query, &attention.key, &attention.value, &attention.output}) {
      add(linear->weight, &pieces);
    }
    const model::FeedForwardWeights& feed_forward = layer.feed_forward;
    for (const model::Linear* linear : {&feed_forward.gate, &feed_forward.up, &feed_forward.down}) {
      add(linear->weight, &pieces);
    }
  }
  add(weights.head, &pieces);
  return pieces;
}

WeightReader::WeightReader(const std::vector<Bytes>& pieces) {
  for (Bytes piece : pieces) {
    total_ += static_cast<int64_t>(piece.size());
    for (; piece.size() > kStep; piece = piece.subspan(kStep)) steps_.push_back(piece.first(kStep));
    if (!piece.empty()) steps_.push_back(piece);
  }
  try {
    thread_ = std::thread([this] { read_all(); });
  } catch (const std::system_error&) {  // no thread to be had: pages come when they are used
    done_ = total_;
  }
}

WeightReader::~WeightReader() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void WeightReader::read_all() {
  bool from_disk = false;
  size_t asked = 0;  // steps before this one were asked of the disk
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (stop_.load(std::memory_order_relaxed)) return;
    asked = std::max(asked, i + 1);
    // Asking for what is in memory costs three times as much as mapping it, so that it waits for the first slow step.
    for (; from_disk && asked < steps_.size() && asked <= i + kStepsAhead; ++asked) start_reading(steps_[asked]);
    const int64_t start = monotonic_ns();
    make_present(steps_[i]);
    from_disk = from_disk || seconds_since(start) > kSlowSeconds;
    done_.fetch_add(static_cast<int64_t>(steps_[i].size()), std::memory_order_relaxed);
  }
}

}  // namespace hearth
