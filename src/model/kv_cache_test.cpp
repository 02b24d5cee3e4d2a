// Page tables: sharing, copying before writing, rewinding, exhaustion.
#include "model/kv_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace hearth::model {
namespace {

ModelSpec tiny_spec() {
  ModelSpec spec;
  LayerSpec layer;
  GroupedQueryAttention attention;
  attention.heads = 4;
  attention.kv_heads = 2;
  attention.head_dim = 8;
  layer.mixer = attention;
  layer.feed_forward = GatedFeedForward{32};
  spec.layers = {layer, layer, layer};
  return spec;
}

std::unique_ptr<PagePool> pool_of(int64_t pages) {
  auto pool = PagePool::create(PageLayout::of(tiny_spec(), kernels::KvType::kF16), pages);
  EXPECT_TRUE(pool.ok());
  return std::move(pool).value();
}

TEST(PageLayout, CountsEveryLayerHeadAndPosition) {
  const PageLayout f16 = PageLayout::of(tiny_spec(), kernels::KvType::kF16);
  const PageLayout f32 = PageLayout::of(tiny_spec(), kernels::KvType::kF32);
  EXPECT_EQ(f16.bytes_per_position(), 3 * 2 * 2 * 8 * 2);
  EXPECT_EQ(f32.page_bytes, 2 * f16.page_bytes);
  const PageLayout int8 = PageLayout::of(tiny_spec(), kernels::KvType::kInt8);
  EXPECT_EQ(int8.bytes_per_position(), 3 * 2 * (8 + 4 + 8 + 4));
  EXPECT_EQ(int8.layers[0].key_bytes, 64 * (8 + 4));
  EXPECT_EQ(f16.layers[1].layer_offset, f16.page_bytes / 3);
}

// What a position takes of a page is everywhere the same number of bytes.
TEST(PageLayout, ClearsPositionsAndNoOthers) {
  for (const auto type : {kernels::KvType::kF16, kernels::KvType::kF32, kernels::KvType::kInt8}) {
    ModelSpec spec = tiny_spec();
    std::get<GroupedQueryAttention>(spec.layers[1].mixer).head_dim = 40;  // two blocks of int8 values
    const PageLayout layout = PageLayout::of(spec, type);
    for (const int first : {0, 1, 15, 16, 37, 63, 64}) {
      std::vector<std::byte> page(static_cast<size_t>(layout.page_bytes), std::byte{0xff});
      layout.clear_positions(page.data(), first);
      EXPECT_EQ(std::count(page.begin(), page.end(), std::byte{0xff}), layout.bytes_per_position() * first);
      layout.clear_positions(page.data(), first / 2);
      EXPECT_EQ(std::count(page.begin(), page.end(), std::byte{0xff}), layout.bytes_per_position() * (first / 2));
    }
  }
}

TEST(KvSequence, TakesPagesAsItGrowsAndGivesThemBack) {
  auto pool = pool_of(4);
  {
    KvSequence sequence(*pool, 256);
    ASSERT_TRUE(sequence.reserve(65).ok());
    sequence.commit(65);
    EXPECT_EQ(pool->free_pages(), 2);
    sequence.rewind(64);
    EXPECT_EQ(pool->free_pages(), 3);
    ASSERT_TRUE(sequence.reserve(192).ok());
    EXPECT_EQ(pool->free_pages(), 0);
  }
  EXPECT_EQ(pool->free_pages(), 4);
}

TEST(KvSequence, ForkSharesPagesUntilItWrites) {
  auto pool = pool_of(4);
  KvSequence first(*pool, 256);
  ASSERT_TRUE(first.reserve(100).ok());
  first.commit(100);
  std::memset(first.pages()[1], 7, pool->layout().page_bytes);
  auto second = first.fork(80);
  EXPECT_EQ(pool->free_pages(), 2);
  EXPECT_EQ(second->pages()[1], first.pages()[1]);
  ASSERT_TRUE(second->reserve(1).ok());
  EXPECT_EQ(second->pages()[0], first.pages()[0]);
  EXPECT_NE(second->pages()[1], first.pages()[1]);
  EXPECT_EQ(std::memcmp(second->pages()[1], first.pages()[1], pool->layout().page_bytes), 0);
  std::memset(second->pages()[1], 9, pool->layout().page_bytes);
  EXPECT_EQ(first.pages()[1][0], std::byte{7});
  // The first is now alone on its page and writes in place.
  std::byte* page = first.pages()[1];
  ASSERT_TRUE(first.reserve(1).ok());
  EXPECT_EQ(first.pages()[1], page);
}

TEST(KvSequence, FullPoolIsAnErrorThatChangesNothing) {
  auto pool = pool_of(2);
  KvSequence first(*pool, 1024), second(*pool, 1024);
  ASSERT_TRUE(first.reserve(100).ok());
  first.commit(100);
  const auto refused = second.reserve(1);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kResource);
  EXPECT_EQ(pool->free_pages(), 0);
  EXPECT_EQ(second.size(), 0);
  first.rewind(0);
  EXPECT_TRUE(second.reserve(1).ok());
}

TEST(KvSequence, SequenceOfPagesSharesThem) {
  auto pool = pool_of(4);
  std::vector<std::byte*> pages;
  {
    KvSequence first(*pool, 256);
    ASSERT_TRUE(first.reserve(100).ok());
    first.commit(100);
    pages.assign(first.pages(), first.pages() + 2);
    auto second = KvSequence::of_pages(*pool, 256, pages, 70);
    EXPECT_EQ(second->size(), 70);
    EXPECT_EQ(second->pages()[1], pages[1]);
    first.rewind(0);
    EXPECT_EQ(pool->free_pages(), 2);
    ASSERT_TRUE(second->reserve(1).ok());
    EXPECT_EQ(second->pages()[1], pages[1]);  // nobody else holds it any more
  }
  EXPECT_EQ(pool->free_pages(), 4);
}

TEST(PagePool, AsksForPagesBeforeItIsExhausted) {
  auto pool = pool_of(3);
  std::vector<std::byte*> kept = {pool->acquire(), pool->acquire()};
  int64_t asked = 0;
  pool->set_reclaimer([&](int64_t missing) {
    asked += missing;
    for (; missing > 0 && !kept.empty(); --missing, kept.pop_back()) pool->release(kept.back());
  });
  KvSequence sequence(*pool, 1024);
  ASSERT_TRUE(sequence.reserve(128).ok());
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(kept.size(), 1u);
  const auto refused = sequence.reserve(256);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("3 pages of 64 positions"), std::string::npos) << refused.error().message;
  EXPECT_EQ(pool->free_pages(), 1);
}

// A page that the reclaimer held too needs no copy once it has let go of it.
TEST(KvSequence, TakesBackAPageInsteadOfCopyingIt) {
  auto pool = pool_of(1);
  KvSequence sequence(*pool, 64);
  ASSERT_TRUE(sequence.reserve(10).ok());
  sequence.commit(10);
  std::byte* page = sequence.pages()[0];
  pool->share(page);
  EXPECT_FALSE(sequence.reserve(1).ok());
  pool->set_reclaimer([&](int64_t) { pool->release(page); });
  ASSERT_TRUE(sequence.reserve(1).ok());
  EXPECT_EQ(sequence.pages()[0], page);
}

TEST(PagePool, GivesMemoryOfFreePagesBackAndKeepsThatOfOthers) {
  auto pool = pool_of(64);
  const int64_t bytes = pool->layout().page_bytes;
  std::vector<std::byte*> pages;
  for (int i = 0; i < 64; ++i) {
    pages.push_back(pool->acquire());
    std::memset(pages.back(), i + 1, bytes);
  }
  for (int i = 0; i < 64; i += 2) pool->release(pages[i]);
  EXPECT_EQ(pool->trim(2), 30);
  EXPECT_EQ(pool->trim(2), 0);
  for (int i = 1; i < 64; i += 2) {
    for (int64_t b = 0; b < bytes; ++b) ASSERT_EQ(pages[i][b], std::byte(i + 1)) << i << " " << b;
  }
  EXPECT_EQ(pool->free_pages(), 32);
  while (std::byte* page = pool->acquire()) std::memset(page, 1, bytes);
}

}  // namespace
}  // namespace hearth::model
