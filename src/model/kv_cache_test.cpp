// Page tables: sharing, copying before writing, rewinding, exhaustion.
#include "model/kv_cache.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace hearth::model
