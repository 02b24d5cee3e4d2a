// Partial selection over chunk maxima: the m-th largest of them bounds the m-th largest value from below, because m
// chunks have at least one value each that reaches it. Only chunks that reach the bound are looked into.
// Contract and exclusions: text/candidates.h.
#include "text/candidates.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>

namespace hearth::text {

namespace {

bool ranks_before(const CandidateSet::Ranked& a, const CandidateSet::Ranked& b) {
  return a.value > b.value || (a.value == b.value && a.index < b.index);
}

bool index_before(const CandidateSet::Ranked& a, const CandidateSet::Ranked& b) { return a.index < b.index; }

}  // namespace

CandidateSet::CandidateSet(int32_t vocabulary, const kernels::KernelTable& table) : table_(table) {
  const auto count = static_cast<size_t>(vocabulary);
  own_values_.resize(count);
  weights_.resize(count);
  ids_.resize(count);
  ranked_.reserve(count);
  maxima_.resize(count / kChunk + 1);
  order_.resize(count / kChunk + 1);
}

void CandidateSet::reset(std::span<const float> values) {
  values_ = values.data();
  size_ = static_cast<int64_t>(values.size());
  dense_ = true;
  maxima_known_ = false;
  sorted_ = 0;
}

int32_t CandidateSet::find(int32_t id) const {
  if (id < 0) return -1;
  if (dense_) return id < size_ ? id : -1;
  const auto end = ids_.begin() + size_;
  const auto place = std::lower_bound(ids_.begin(), end, id);
  return place != end && *place == id ? static_cast<int32_t>(place - ids_.begin()) : -1;
}

void CandidateSet::find_chunk_maxima() {
  if (maxima_known_) return;
  for (int64_t begin = 0, chunk = 0; begin < size_; begin += kChunk, ++chunk) {
    maxima_[static_cast<size_t>(chunk)] = table_.maximum(values_ + begin, std::min(kChunk, size_ - begin));
  }
  maxima_known_ = true;
}

float CandidateSet::maximum() {
  find_chunk_maxima();
  return *std::max_element(maxima_.begin(), maxima_.begin() + (size_ + kChunk - 1) / kChunk);
}

void CandidateSet::gather(float bound) {
  ranked_.clear();
  sorted_ = 0;
  for (int64_t begin = 0, chunk = 0; begin < size_; begin += kChunk, ++chunk) {
    if (maxima_[static_cast<size_t>(chunk)] < bound) continue;
    const int64_t end = std::min(begin + kChunk, size_);
    for (int64_t i = begin; i < end; ++i) {
      if (values_[i] >= bound) ranked_.push_back({values_[i], static_cast<int32_t>(i)});
    }
  }
}

void CandidateSet::gather_all() {
  ranked_.clear();
  sorted_ = 0;
  for (int64_t i = 0; i < size_; ++i) ranked_.push_back({values_[i], static_cast<int32_t>(i)});
}

std::span<const CandidateSet::Ranked> CandidateSet::head(int64_t count) {
  count = std::min(count, size_);
  if (sorted_ < count) {
    const int64_t chunks = (size_ + kChunk - 1) / kChunk;
    if (count <= chunks / 2) {
      find_chunk_maxima();
      std::copy(maxima_.begin(), maxima_.begin() + chunks, order_.begin());
      std::nth_element(order_.begin(), order_.begin() + (count - 1), order_.begin() + chunks, std::greater<float>());
      gather(order_[static_cast<size_t>(count - 1)]);
    } else {
      gather_all();
    }
    const auto middle = ranked_.begin() + count;
    if (middle != ranked_.end()) std::nth_element(ranked_.begin(), middle - 1, ranked_.end(), ranks_before);
    std::sort(ranked_.begin(), middle, ranks_before);
    sorted_ = count;
  }
  return {ranked_.data(), static_cast<size_t>(count)};
}

std::span<const CandidateSet::Ranked> CandidateSet::at_least(float bound) {
  find_chunk_maxima();
  gather(bound);
  return ranked_;
}

std::span<CandidateSet::Ranked> CandidateSet::everything() {
  gather_all();
  return ranked_;
}

void CandidateSet::keep(std::span<const Ranked> kept) {
  const auto count = static_cast<int64_t>(kept.size());
  if (count == size_) return;
  // `kept` may lie in ranked_; moving it to the front first keeps the sort in place.
  if (kept.data() != ranked_.data()) {
    if (static_cast<int64_t>(ranked_.size()) < count) ranked_.resize(static_cast<size_t>(count));
    std::memmove(ranked_.data(), kept.data(), kept.size_bytes());
  }
  ranked_.resize(static_cast<size_t>(count));
  std::sort(ranked_.begin(), ranked_.end(), index_before);
  // Indices ascend, so entry i comes from i or later: writing in place never overtakes reading.
  for (int64_t i = 0; i < count; ++i) {
    const Ranked& entry = ranked_[static_cast<size_t>(i)];
    ids_[static_cast<size_t>(i)] = id(entry.index);
    own_values_[static_cast<size_t>(i)] = entry.value;
  }
  values_ = own_values_.data();
  size_ = count;
  dense_ = false;
  maxima_known_ = false;
  sorted_ = 0;
}

// Token by token in id order, so in place; words of nothing but ones, which most are inside a string, are copied whole.
void CandidateSet::keep_allowed(std::span<const uint64_t> words) {
  int64_t count = 0;
  const auto add = [&](int64_t token) {
    ids_[static_cast<size_t>(count)] = static_cast<int32_t>(token);
    own_values_[static_cast<size_t>(count++)] = values_[token];
  };
  const int64_t tokens = size_;
  for (int64_t base = 0, place = 0; base < tokens && place < std::ssize(words); base += 64, ++place) {
    uint64_t word = words[static_cast<size_t>(place)];
    if (base + 64 > tokens) word &= (uint64_t{1} << (tokens - base)) - 1;
    if (word == ~uint64_t{0}) {
      for (int64_t token = base; token < base + 64; ++token) add(token);
      continue;
    }
    for (; word != 0; word &= word - 1) add(base + std::countr_zero(word));
  }
  values_ = own_values_.data();
  size_ = count;
  dense_ = false;
  maxima_known_ = false;
  sorted_ = 0;
}

std::span<float> CandidateSet::writable() {
  if (values_ != own_values_.data()) {
    std::memcpy(own_values_.data(), values_, static_cast<size_t>(size_) * sizeof(float));
    values_ = own_values_.data();
  }
  maxima_known_ = false;
  sorted_ = 0;
  return {own_values_.data(), static_cast<size_t>(size_)};
}

float CandidateSet::weigh(float inverse_temperature) {
  return table_.exp_sum(values_, maximum(), inverse_temperature, size_, weights_.data());
}

}  // namespace hearth::text
