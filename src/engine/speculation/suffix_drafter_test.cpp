// The longest repeated suffix against a search through the whole text, on random, periodic and copied timelines.
#include "engine/speculation/suffix_drafter.h"

#include <gtest/gtest.h>

#include <vector>

namespace hearth {

int64_t allocation_count();  // base/count_allocations.h

namespace {

using Tokens = std::vector<int32_t>;

int64_t common_suffix(const Tokens& tokens, size_t end) {
  int64_t length = 0;
  while (static_cast<size_t>(length) < end && tokens[end - 1 - length] == tokens[tokens.size() - 1 - length]) ++length;
  return length;
}

// Length of the longest suffix that also ends earlier, and the last place where it does.
std::pair<int64_t, size_t> search(const Tokens& tokens) {
  std::pair<int64_t, size_t> best{0, 0};
  for (size_t end = 1; end < tokens.size(); ++end) {
    const int64_t length = common_suffix(tokens, end);
    if (length > 0 && length >= best.first) best = {length, end};
  }
  return best;
}

// A timeline of `size` tokens out of `alphabet` that now and then copies a piece of itself.
Tokens timeline(int size, int alphabet, int copies_per_1000, uint64_t seed) {
  uint64_t state = seed;
  const auto random = [&](int64_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<int64_t>((state >> 33) % static_cast<uint64_t>(below));
  };
  Tokens tokens;
  while (static_cast<int>(tokens.size()) < size) {
    if (!tokens.empty() && random(1000) < copies_per_1000) {
      const size_t from = static_cast<size_t>(random(static_cast<int64_t>(tokens.size())));
      for (int64_t i = random(40); i >= 0; --i) tokens.push_back(tokens[from + static_cast<size_t>(i) % (tokens.size() - from)]);
    } else {
      tokens.push_back(static_cast<int32_t>(random(alphabet)));
    }
  }
  return tokens;
}

TEST(SuffixDrafter, FindsTheLongestRepeatedSuffix) {
  int compared = 0, latest = 0;
  for (const int alphabet : {1, 2, 3, 20, 5000}) {
    for (const int copies : {0, 30, 200}) {
      const Tokens whole = timeline(400, alphabet, copies, 7 + alphabet + copies);
      SuffixDrafter drafter;
      Tokens tokens;
      for (const int32_t token : whole) {
        tokens.push_back(token);
        drafter.extend(token);
        const auto [length, end] = search(tokens);
        ASSERT_EQ(drafter.match_length(), length) << "alphabet " << alphabet << " copies " << copies << " at " << tokens.size();
        if (length == 0) continue;
        ASSERT_EQ(common_suffix(tokens, static_cast<size_t>(drafter.match_end())), length);
        ++compared;
        latest += static_cast<size_t>(drafter.match_end()) == end;
      }
    }
  }
  EXPECT_GT(compared, 3000);
  EXPECT_GT(latest, compared * 95 / 100);
}

TEST(SuffixDrafter, ProposesWhatFollowedAndGoesOnPeriodically) {
  SuffixDrafter drafter;
  drafter.begin(Tokens{1, 2, 3, 4, 5, 9, 2, 3}, {});
  EXPECT_EQ(drafter.match_length(), 2);
  const auto draft = drafter.propose(3);
  EXPECT_EQ(Tokens(draft.begin(), draft.end()), (Tokens{4, 5, 9}));
  drafter.begin(Tokens{7, 8, 7, 8, 7}, {});
  EXPECT_EQ(drafter.match_length(), 3);
  const auto period = drafter.propose(6);
  EXPECT_EQ(Tokens(period.begin(), period.end()), (Tokens{8, 7, 8, 7, 8, 7}));
  drafter.begin(Tokens{1, 2, 3}, {});
  EXPECT_TRUE(drafter.propose(4).empty());
  EXPECT_EQ(drafter.confidence(0), Drafter::kNoGuess);
  drafter.begin(Tokens{}, {});
  EXPECT_TRUE(drafter.propose(4).empty());
}

TEST(SuffixDrafter, ConfidenceGrowsWithTheMatch) {
  const Tokens piece = timeline(60, 5000, 0, 3);
  SuffixDrafter drafter;
  drafter.begin(piece, {});
  int before = -1;
  for (const int32_t token : piece) {
    drafter.extend(token);
    EXPECT_GE(drafter.confidence(0), before);
    EXPECT_GE(drafter.confidence(5), drafter.confidence(0));
    before = drafter.confidence(0);
  }
  EXPECT_EQ(before, Drafter::kClasses - 1);
}

TEST(SuffixDrafter, ContinuesOrStartsAnew) {
  const Tokens first = timeline(200, 30, 100, 1);
  Tokens longer = first;
  const Tokens more = timeline(100, 30, 100, 2);
  longer.insert(longer.end(), more.begin(), more.end());
  SuffixDrafter continued, fresh;
  continued.begin(first, {});
  continued.begin(longer, {});
  fresh.begin(longer, {});
  EXPECT_EQ(continued.match_length(), fresh.match_length());
  EXPECT_EQ(continued.match_end(), fresh.match_end());
  continued.begin(more, {});  // another conversation
  fresh.begin(more, {});
  EXPECT_EQ(continued.match_length(), search(more).first);
  EXPECT_EQ(continued.match_end(), fresh.match_end());
}

TEST(SuffixDrafter, ForgetsTheOlderHalf) {
  constexpr int64_t kMost = 128;
  const Tokens whole = timeline(1000, 4, 50, 5);
  SuffixDrafter drafter(kMost);
  Tokens kept;
  for (const int32_t token : whole) {
    if (kept.size() == kMost) kept.erase(kept.begin(), kept.begin() + kMost / 2);
    kept.push_back(token);
    drafter.extend(token);
    ASSERT_EQ(drafter.match_length(), search(kept).first);
  }
}

TEST(SuffixDrafter, DoesNotAllocateOnceItIsWarm) {
  const Tokens first = timeline(4000, 300, 50, 1), second = timeline(4000, 300, 50, 2);
  SuffixDrafter drafter;
  drafter.begin(first, {});
  drafter.begin(second, {});
  drafter.begin(first, {});
  drafter.propose(16);
  const text::SamplerOptions options;
  const int64_t before = allocation_count();
  drafter.begin(std::span(second).first(2000), options);
  for (int i = 0; i < 1500; ++i) {
    drafter.extend(second[2000 + i]);
    drafter.propose(16);
  }
  EXPECT_EQ(allocation_count() - before, 0);
}

}  // namespace
}  // namespace hearth
