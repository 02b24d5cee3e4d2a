// Page pool and page tables; see kv_cache.h.
#include "model/kv_cache.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "kernels/kv_page.h"

namespace hearth::model {
namespace {

// Zeroes the positions of one head's page from `first` on; kernels/kv_page.h says where they lie.
void clear_slots(kernels::KvType type, int head_dim, int first, std::byte* keys, std::byte* values) {
  using namespace kernels;
  const bool int8 = type == KvType::kInt8;
  const int64_t unit = int8 ? kKeyQuad : bytes_per_value(type);  // bytes of one position's key that lie together
  const int64_t units = int8 ? key_quads(head_dim) : head_dim;
  for (int slot = first; slot < kPagePositions; ++slot) {
    std::byte* group = keys + slot / kKeyLanes * units * kKeyLanes * unit + slot % kKeyLanes * unit;
    for (int64_t i = 0; i < units; ++i) std::memset(group + i * kKeyLanes * unit, 0, static_cast<size_t>(unit));
  }
  const int64_t slots = kPagePositions - first, value_bytes = head_dim * bytes_per_value(type);
  std::memset(values + first * value_bytes, 0, static_cast<size_t>(slots * value_bytes));
  if (!int8) return;
  const int64_t key_scale = sizeof(float), value_scales = head_blocks(head_dim) * static_cast<int64_t>(sizeof(float));
  std::memset(keys + int8_key_bytes(head_dim) + first * key_scale, 0, static_cast<size_t>(slots * key_scale));
  std::memset(values + int8_value_bytes(head_dim) + first * value_scales, 0, static_cast<size_t>(slots * value_scales));
}

}  // namespace

PageLayout PageLayout::of(const ModelSpec& spec, kernels::KvType type) {
  PageLayout layout;
  for (const LayerSpec& layer : spec.layers) {
    const auto& attention = std::get<GroupedQueryAttention>(layer.mixer);
    const int64_t key_bytes = kernels::key_page_bytes(type, attention.head_dim);
    const int64_t head_bytes = key_bytes + kernels::value_page_bytes(type, attention.head_dim);
    layout.layers.push_back({type, layout.page_bytes, key_bytes, head_bytes});
    layout.heads.push_back({attention.kv_heads, attention.head_dim});
    layout.page_bytes += head_bytes * attention.kv_heads;
  }
  return layout;
}

void PageLayout::clear_positions(std::byte* page, int first) const {
  for (size_t i = 0; i < layers.size(); ++i) {
    const backend::KvLayout& layer = layers[i];
    for (int head = 0; head < heads[i].count; ++head) {
      std::byte* keys = page + layer.layer_offset + head * layer.head_bytes;
      clear_slots(layer.type, heads[i].dimensions, first, keys, keys + layer.key_bytes);
    }
  }
}

Result<std::unique_ptr<PagePool>> PagePool::create(const PageLayout& layout, int64_t pages) {
  auto pool = std::make_unique<PagePool>();
  pool->layout_ = layout;
  uint64_t bytes;
  if (pages < 1 || pages > INT32_MAX || __builtin_mul_overflow(pages, layout.page_bytes, &bytes)) {
    return Error{ErrorCode::kResource, "a key-value cache of " + std::to_string(pages) + " pages is out of range"};
  }
  pool->storage_ = TRY(tensor::Storage::allocate(bytes, "the key-value cache"));
  pool->references_.assign(pages, 0);
  pool->resident_.assign(pages, 0);
  pool->free_.reserve(pages);
  for (int64_t i = pages; i-- > 0;) pool->free_.push_back(static_cast<int32_t>(i));
  return pool;
}

std::byte* PagePool::acquire() {
  if (free_.empty()) return nullptr;
  const int32_t page = free_.back();
  free_.pop_back();
  references_[page] = 1;
  resident_[page] = 1;
  return storage_.data() + page * layout_.page_bytes;
}

void PagePool::share(std::byte* page) { ++references_[index(page)]; }

void PagePool::release(std::byte* page) {
  const int64_t i = index(page);
  CHECK(references_[i] > 0);
  if (--references_[i] == 0) free_.push_back(static_cast<int32_t>(i));
}

bool PagePool::make_room(int64_t count) {
  if (count > free_pages() && reclaimer_) reclaimer_(count - free_pages());
  return count <= free_pages();
}

int64_t PagePool::trim(int64_t kept) {
  const uintptr_t system_page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  int64_t given_back = 0;
  for (size_t i = free_.size(); i-- > 0;) {
    const int32_t page = free_[i];
    if (!resident_[page] || kept-- > 0) continue;
    // Only what this page has for itself: its ends may lie in the same system page as those of its neighbours.
    const uintptr_t start = reinterpret_cast<uintptr_t>(storage_.data() + page * layout_.page_bytes);
    const uintptr_t first = (start + system_page - 1) / system_page * system_page;
    const uintptr_t end = (start + static_cast<uintptr_t>(layout_.page_bytes)) / system_page * system_page;
    if (end > first && madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED) != 0) continue;
    resident_[page] = 0;
    ++given_back;
  }
  return given_back;
}

KvSequence::KvSequence(PagePool& pool, int64_t context) : pool_(pool), context_(context) {
  pages_.reserve(pages_for(context));
}

KvSequence::~KvSequence() {
  for (std::byte* page : pages_) pool_.release(page);
}

bool KvSequence::must_copy() const {
  const int64_t current = size_ / kernels::kPagePositions;
  return current < static_cast<int64_t>(pages_.size()) && pool_.is_shared(pages_[current]);
}

int64_t KvSequence::pages_needed(int64_t count) const {
  const int64_t fresh = pages_for(size_ + count) - static_cast<int64_t>(pages_.size());
  return std::max<int64_t>(fresh, 0) + (must_copy() ? 1 : 0);
}

Result<void> KvSequence::reserve(int64_t count) {
  const int64_t needed = pages_for(size_ + count);
  pool_.make_room(pages_needed(count));
  // Asked again: what was given up to make room may have been the other holder's share of the page.
  if (pages_needed(count) > pool_.free_pages()) {
    const int64_t pages = pool_.page_count();
    return Error{ErrorCode::kResource, "the key-value cache is full: its " + std::to_string(pages) + " pages of " +
                                           std::to_string(kernels::kPagePositions) + " positions, " +
                                           std::to_string(pages * pool_.layout().page_bytes >> 20) + " MiB, are in use"};
  }
  if (must_copy()) {
    const int64_t current = size_ / kernels::kPagePositions;
    std::byte* copy = pool_.acquire();
    std::memcpy(copy, pages_[current], pool_.layout().page_bytes);
    pool_.release(pages_[current]);
    pages_[current] = copy;
  }
  while (static_cast<int64_t>(pages_.size()) < needed) pages_.push_back(pool_.acquire());
  return {};
}

void KvSequence::rewind(int64_t size) {
  CHECK(size >= 0 && size <= size_);
  size_ = size;
  while (static_cast<int64_t>(pages_.size()) > pages_for(size)) {
    pool_.release(pages_.back());
    pages_.pop_back();
  }
}

std::unique_ptr<KvSequence> KvSequence::fork(int64_t size) const {
  CHECK(size >= 0 && size <= size_);
  return of_pages(pool_, context_, {pages_.data(), static_cast<size_t>(pages_for(size))}, size);
}

std::unique_ptr<KvSequence> KvSequence::of_pages(PagePool& pool, int64_t context, std::span<std::byte* const> pages,
                                                 int64_t size) {
  CHECK(size >= 0 && size <= context && pages_for(size) == static_cast<int64_t>(pages.size()));
  auto sequence = std::make_unique<KvSequence>(pool, context);
  sequence->size_ = size;
  for (std::byte* page : pages) {
    pool.share(page);
    sequence->pages_.push_back(page);
  }
  return sequence;
}

}  // namespace hearth::model
