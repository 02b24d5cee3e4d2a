// Paged keys and values: one bounded pool of pages, and per session a page table that can share, rewind and grow.
//
// Contract: a page holds kPagePositions positions of every layer. Shared pages are never written: a sequence that grows
// into a page somebody else also holds gets its own copy first. One thread at a time per pool.
// Not here: what attention does with pages (backend), prefixes found by content (engine).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backend/ops.h"
#include "model/spec.h"
#include "tensor/storage.h"

namespace hearth::model {

// Where each layer lies in a page.
struct PageLayout {
  std::vector<backend::KvLayout> layers;
  int64_t page_bytes = 0;

  static PageLayout of(const ModelSpec& spec, kernels::KvType type);
  int64_t bytes_per_position() const { return page_bytes / kernels::kPagePositions; }
};

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

 private:
  int64_t index(const std::byte* page) const { return (page - storage_.data()) / layout_.page_bytes; }
  PageLayout layout_;
  tensor::Storage storage_;
  std::vector<int32_t> references_;
  std::vector<int32_t> free_;
};

class KvSequence {
 public:
  KvSequence(PagePool& pool, int64_t context);
  ~KvSequence();
  KvSequence(const KvSequence&) = delete;
  KvSequence& operator=(const KvSequence&) = delete;

  int64_t size() const { return size_; }
  int64_t context() const { return context_; }
  // Makes positions [size, size+count) writable; they count only after commit. On error nothing has changed.
  Result<void> reserve(int64_t count);
  void commit(int64_t count) { size_ += count; }
  void rewind(int64_t size);
  // A sequence that holds the first `size` positions by sharing their pages.
  std::unique_ptr<KvSequence> fork(int64_t size) const;
  std::byte* const* pages() const { return pages_.data(); }

 private:
  PagePool& pool_;
  int64_t context_;
  int64_t size_ = 0;
  std::vector<std::byte*> pages_;  // capacity for the whole context from the start
};

}  // namespace hearth::model
