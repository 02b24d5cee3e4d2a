// The tree against a naive model: what is found, what is given up, and that no page is lost.
#include "engine/serving/prefix_tree.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <set>

namespace hearth {
namespace {

using Tokens = std::vector<int32_t>;
constexpr int64_t kPage = kernels::kPagePositions;

std::unique_ptr<model::PagePool> pool_of(int64_t pages) {
  model::ModelSpec spec;
  model::LayerSpec layer;
  model::GroupedQueryAttention attention;
  attention.heads = attention.kv_heads = 1;
  attention.head_dim = 8;
  layer.mixer = attention;
  layer.feed_forward = model::GatedFeedForward{32};
  spec.layers = {layer};
  auto pool = model::PagePool::create(model::PageLayout::of(spec, kernels::KvType::kF16), pages);
  EXPECT_TRUE(pool.ok());
  return std::move(pool).value();
}

// A sequence whose pages hold, for every position, a number made from all tokens up to it.
struct Timeline {
  Timeline(model::PagePool& pool, int64_t context) : sequence(std::make_unique<model::KvSequence>(pool, context)) {}
  Timeline(std::unique_ptr<model::KvSequence> known, Tokens known_tokens)
      : sequence(std::move(known)), tokens(std::move(known_tokens)) {}

  static constexpr uint32_t kStart = 2166136261u;
  static uint32_t marked(uint32_t before, int32_t token) { return (before ^ static_cast<uint32_t>(token)) * 16777619u; }
  bool append(const Tokens& more) {
    if (!sequence->reserve(static_cast<int64_t>(more.size())).ok()) return false;
    uint32_t value = kStart;
    for (const int32_t token : tokens) value = marked(value, token);
    for (const int32_t token : more) {
      const int64_t position = static_cast<int64_t>(tokens.size());
      tokens.push_back(token);
      value = marked(value, token);
      std::memcpy(sequence->pages()[position / kPage] + position % kPage * 4, &value, 4);
    }
    sequence->commit(static_cast<int64_t>(more.size()));
    return true;
  }
  bool intact() const {
    uint32_t expected = kStart;
    for (int64_t i = 0; i < sequence->size(); ++i) {
      expected = marked(expected, tokens[i]);
      if (std::memcmp(&expected, sequence->pages()[i / kPage] + i % kPage * 4, 4) != 0) return false;
    }
    return true;
  }
  std::span<std::byte* const> pages() const {
    return {sequence->pages(), static_cast<size_t>(model::pages_for(sequence->size()))};
  }

  std::unique_ptr<model::KvSequence> sequence;
  Tokens tokens;
};

Tokens counting(int64_t count, int32_t first = 0) {
  Tokens tokens(static_cast<size_t>(count));
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = first + static_cast<int32_t>(i);
  return tokens;
}

Timeline timeline_of(model::PagePool& pool, const Tokens& tokens) {
  Timeline timeline(pool, 1 << 20);
  EXPECT_TRUE(timeline.append(tokens));
  return timeline;
}

void remember(PrefixTree& tree, model::PagePool& pool, const Tokens& tokens, std::string_view scope = "") {
  const Timeline timeline = timeline_of(pool, tokens);
  tree.insert(scope, timeline.tokens, timeline.pages());
}

class PrefixTreeTest : public testing::Test {
 protected:
  std::unique_ptr<model::PagePool> pool = pool_of(256);
};

TEST_F(PrefixTreeTest, FindsTheLongestPrefixToTheToken) {
  PrefixTree tree(*pool, 256);
  remember(tree, *pool, counting(200));
  Tokens other = counting(150);
  other[100] = 7;
  EXPECT_EQ(tree.find("", other).size, 100);
  EXPECT_EQ(tree.find("", counting(300)).size, 200);
  EXPECT_EQ(tree.find("", counting(10)).size, 10);
  EXPECT_EQ(tree.find("", counting(10, 5)).size, 0);
  remember(tree, *pool, other);
  EXPECT_EQ(tree.known("", other), 150);
  EXPECT_EQ(tree.pages(), 4 + 2);  // the first page is shared
  EXPECT_TRUE(tree.is_consistent());
}

TEST_F(PrefixTreeTest, ALongerTextTakesThePlaceOfItsBeginning) {
  PrefixTree tree(*pool, 256);
  remember(tree, *pool, counting(100));
  const Timeline longer = timeline_of(*pool, counting(120));
  const PrefixTree::Inserted inserted = tree.insert("", longer.tokens, longer.pages());
  EXPECT_EQ(inserted.extended_page, 1);
  EXPECT_EQ(inserted.extended_tokens, 36);
  EXPECT_EQ(inserted.pages[1], longer.pages()[1]);
  EXPECT_NE(inserted.pages[0], longer.pages()[0]);  // known already
  EXPECT_EQ(tree.pages(), 2);
  remember(tree, *pool, counting(110));  // known as well
  EXPECT_EQ(tree.pages(), 2);
  EXPECT_EQ(tree.known("", counting(500)), 120);
}

TEST_F(PrefixTreeTest, ScopesDoNotSeeEachOther) {
  PrefixTree tree(*pool, 256);
  remember(tree, *pool, counting(100), "a");
  EXPECT_EQ(tree.known("b", counting(100)), 0);
  EXPECT_EQ(tree.known("", counting(100)), 0);
  EXPECT_EQ(tree.known("a", counting(100)), 100);
}

TEST_F(PrefixTreeTest, GivesUpTheEndsOfWhatWasUsedLongestAgo) {
  PrefixTree tree(*pool, 8);
  remember(tree, *pool, counting(256));        // 4 pages
  remember(tree, *pool, counting(256, 1000));
  remember(tree, *pool, counting(128, 2000));  // 2 more than the limit
  EXPECT_EQ(tree.pages(), 8);
  EXPECT_EQ(tree.known("", counting(256)), 128);
  EXPECT_EQ(tree.known("", counting(256, 1000)), 256);
  remember(tree, *pool, counting(2000, 5000));  // larger than everything
  EXPECT_EQ(tree.known("", counting(2000, 5000)), 8 * kPage);
  EXPECT_TRUE(tree.is_consistent());
}

TEST_F(PrefixTreeTest, WhatWasFoundAgainOutlivesWhatWasNot) {
  PrefixTree tree(*pool, 100);
  const Tokens prefix = counting(70 * kPage);
  remember(tree, *pool, prefix);
  EXPECT_EQ(tree.find("", prefix).size, 70 * kPage);
  for (int i = 1; i < 300; ++i) {
    remember(tree, *pool, counting(9 * kPage + 13, i * 100000));
    EXPECT_EQ(tree.find("", counting(20, i * 100000)).size, 20);  // no proof of anything
  }
  EXPECT_EQ(tree.known("", prefix), 70 * kPage);
  // What nobody asks for again makes room for what somebody does.
  for (int turn = 0; turn < 4; ++turn) {
    const Tokens other = counting(90 * kPage, -1000000);
    tree.find("", other);
    remember(tree, *pool, other);
  }
  EXPECT_GE(tree.known("", counting(90 * kPage, -1000000)), 75 * kPage);
  EXPECT_LT(tree.known("", prefix), 70 * kPage);
  EXPECT_TRUE(tree.is_consistent());
}

TEST_F(PrefixTreeTest, MakesRoomOfWhatNobodyElseHolds) {
  PrefixTree tree(*pool, 256);
  remember(tree, *pool, counting(100 * kPage));
  remember(tree, *pool, counting(100 * kPage, 100000));
  const PrefixTree::Match match = tree.find("", counting(60 * kPage));
  auto session = model::KvSequence::of_pages(*pool, 1 << 20, match.pages, match.size);
  EXPECT_EQ(tree.reclaimable_pages(), 140);
  EXPECT_TRUE(tree.make_room(100));
  EXPECT_EQ(pool->free_pages(), 100);
  EXPECT_FALSE(tree.make_room(200));
  EXPECT_EQ(pool->free_pages(), 196);
  EXPECT_EQ(tree.known("", counting(100 * kPage)), 60 * kPage);
  session.reset();
  EXPECT_TRUE(tree.make_room(256));
  EXPECT_EQ(tree.pages(), 0);
}

TEST_F(PrefixTreeTest, ANullPageStandsForWhatIsKnown) {
  PrefixTree tree(*pool, 256);
  remember(tree, *pool, counting(128));
  const Timeline longer = timeline_of(*pool, counting(256));
  std::vector<std::byte*> pages(longer.pages().begin(), longer.pages().end());
  pages[0] = pages[1] = nullptr;
  tree.insert("", longer.tokens, pages);
  EXPECT_EQ(tree.known("", longer.tokens), 256);
  tree.clear();
  tree.insert("", longer.tokens, pages);
  EXPECT_EQ(tree.known("", longer.tokens), 0);
  EXPECT_TRUE(tree.is_consistent());
}

int64_t shared_prefix(const Tokens& a, const Tokens& b) {
  const size_t count = std::min(a.size(), b.size());
  return std::mismatch(a.begin(), a.begin() + static_cast<ptrdiff_t>(count), b.begin()).first - a.begin();
}

// Random texts that share beginnings of any length: pieces of a small alphabet, continued from earlier texts.
class RandomTexts {
 public:
  explicit RandomTexts(uint32_t seed) : random_(seed) {}
  uint32_t below(uint32_t count) { return random_() % count; }
  Tokens next(const std::vector<Tokens>& earlier) {
    Tokens text;
    if (!earlier.empty() && below(4) != 0) {
      text = earlier[below(static_cast<uint32_t>(earlier.size()))];
      text.resize(below(2) == 0 ? text.size() : below(static_cast<uint32_t>(text.size()) + 1));
    }
    for (uint32_t i = below(150) + 1; i > 0; --i) text.push_back(static_cast<int32_t>(below(3)));
    return text;
  }

 private:
  std::mt19937 random_;
};

TEST_F(PrefixTreeTest, KnowsWhatANaiveModelKnowsAsLongAsNothingIsGivenUp) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    auto large = pool_of(4000);
    RandomTexts random(seed);
    {
      PrefixTree tree(*large, 4000);
      std::map<std::string, std::vector<Tokens>> model;
      for (int i = 0; i < 100; ++i) {
        const std::string scope(random.below(2), 'x');
        std::vector<Tokens>& texts = model[scope];
        const Tokens asked = random.next(texts), stored = random.next(texts);
        int64_t expected = 0;
        for (const Tokens& text : texts) expected = std::max(expected, shared_prefix(text, asked));
        ASSERT_EQ(tree.known(scope, asked), expected) << "seed " << seed << " step " << i;
        ASSERT_EQ(tree.find(scope, asked).size, expected);
        remember(tree, *large, stored, scope);
        texts.push_back(stored);
        ASSERT_TRUE(tree.is_consistent());
      }
    }
    EXPECT_EQ(large->free_pages(), 4000);
  }
}

TEST_F(PrefixTreeTest, SessionsNeverSeeAnythingButTheirOwnTextWhateverIsGivenUp) {
  for (uint32_t seed = 0; seed < 30; ++seed) {
    auto small = pool_of(120);
    RandomTexts random(seed);
    {
      PrefixTree tree(*small, 60);
      small->set_reclaimer([&](int64_t missing) { tree.make_room(small->free_pages() + missing); });
      std::vector<Timeline> sessions;
      std::vector<Tokens> texts;
      for (int i = 0; i < 400; ++i) {
        const Tokens asked = random.next(texts);
        PrefixTree::Match match = tree.find("", asked);
        ASSERT_EQ(static_cast<int64_t>(match.pages.size()), model::pages_for(match.size));
        Timeline session(model::KvSequence::of_pages(*small, 1 << 20, match.pages, match.size),
                         {asked.begin(), asked.begin() + match.size});
        ASSERT_TRUE(session.intact()) << "seed " << seed << " step " << i;
        if (!session.append({asked.begin() + match.size, asked.end()})) continue;  // others hold everything
        if (texts.size() < 40) texts.push_back(asked);
        if (random.below(3) != 0) {
          const int64_t size = random.below(static_cast<uint32_t>(asked.size())) + 1;
          tree.insert("", std::span(asked).first(static_cast<size_t>(size)), session.pages().first(static_cast<size_t>(model::pages_for(size))));
        }
        if (random.below(2) == 0) session.append(random.next({}));
        if (random.below(3) == 0) sessions.push_back(std::move(session));
        while (sessions.size() > 8) sessions.erase(sessions.begin() + random.below(8));
        if (random.below(10) == 0) tree.make_room(random.below(120));
        if (random.below(100) == 0) tree.clear();
        for (const Timeline& other : sessions) ASSERT_TRUE(other.intact()) << "seed " << seed << " step " << i;
        ASSERT_TRUE(tree.is_consistent()) << "seed " << seed << " step " << i;
        ASSERT_LE(tree.reclaimable_pages(), tree.pages());
      }
    }
    EXPECT_EQ(small->free_pages(), 120);
  }
}

}  // namespace
}  // namespace hearth
