// Paged keys and values: one bounded pool of pages, and per session a page table that can share, rewind and grow.
//
// Contract: a page holds kPagePositions positions of every layer. Shared pages are never written: a sequence that grows
// into a page somebody else also holds gets its own copy first. Memory becomes resident when a page is first used. One thread
// at a time per pool; others may read the bytes of a page while somebody holds it for them.
// Not here: what attention does with pages (backend), prefixes found by content (engine/serving).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "backend/ops.h"
#include "model/spec.h"
#include "tensor/storage.h"

namespace hearth::model {

// Where each layer lies in a page.
struct PageLayout {
  struct Heads {
    int count = 0;               // of keys and values
    int dimensions = 0;
  };
  std::vector<backend::KvLayout> layers;
  std::vector<Heads> heads;      // of each layer
  int64_t page_bytes = 0;

  static PageLayout of(const ModelSpec& spec, kernels::KvType type);
  int64_t bytes_per_position() const { return page_bytes / kernels::kPagePositions; }
  // Zeroes what a page holds for its positions from `first` on.
  void clear_positions(std::byte* page, int first) const;
};

inline int64_t pages_for(int64_t positions) { return (positions + kernels::kPagePositions - 1) / kernels::kPagePositions; }

class PagePool {
 public:
  static Result<std::unique_ptr<PagePool>> create(const PageLayout& layout, int64_t pages);
  const PageLayout& layout() const { return layout_; }
  std::byte* acquire();  // null if the pool is exhausted; reference count 1
  void share(std::byte* page);
  void release(std::byte* page);
  bool is_shared(const std::byte* page) const { return references_[index(page)] > 1; }
  int64_t free_pages() const { return static_cast<int64_t>(free_.size()); }
  int64_t page_count() const { return static_cast<int64_t>(references_.size()); }
  // Who can do without some pages is asked for `missing` of them before the pool says that it is exhausted.
  using Reclaimer = std::function<void(int64_t missing)>;
  void set_reclaimer(Reclaimer reclaimer) { reclaimer_ = std::move(reclaimer); }
  // Asks the reclaimer for what is missing to `count` free pages; whether there are as many now.
  bool make_room(int64_t count);
  // Gives the memory of free pages back to the system, but for `kept` of them. Returns how many were given back.
  int64_t trim(int64_t kept);

 private:
  int64_t index(const std::byte* page) const { return (page - storage_.data()) / layout_.page_bytes; }
  PageLayout layout_;
  tensor::Storage storage_;
  std::vector<int32_t> references_;
  std::vector<int32_t> free_;      // the last is taken next, so that few pages are ever touched
  std::vector<uint8_t> resident_;  // per page: used since its memory was last given back
  Reclaimer reclaimer_;
};

class KvSequence {
 public:
  KvSequence(PagePool& pool, int64_t context);
  ~KvSequence();
  KvSequence(const KvSequence&) = delete;
  KvSequence& operator=(const KvSequence&) = delete;

  int64_t size() const { return size_; }
  int64_t context() const { return context_; }
  // Pages that reserve(count) would take from the pool.
  int64_t pages_needed(int64_t count) const;
  // Makes positions [size, size+count) writable; they count only after commit. On error nothing has changed.
  Result<void> reserve(int64_t count);
  void commit(int64_t count) { size_ += count; }
  void rewind(int64_t size);
  // A sequence that holds the first `size` positions by sharing their pages.
  std::unique_ptr<KvSequence> fork(int64_t size) const;
  // A sequence of `size` positions that shares these pages: as many as hold so many positions.
  static std::unique_ptr<KvSequence> of_pages(PagePool& pool, int64_t context, std::span<std::byte* const> pages, int64_t size);
  std::byte* const* pages() const { return pages_.data(); }  // [pages_for(size)]

 private:
  bool must_copy() const;  // the page that the next position goes to

  PagePool& pool_;
  int64_t context_;
  int64_t size_ = 0;
  std::vector<std::byte*> pages_;  // capacity for the whole context from the start
};

}  // namespace hearth::model
