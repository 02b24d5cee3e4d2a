// CandidateSet against a full sort, over random values with many ties, flat, sorted and banned ones.
#include "text/candidates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

#include "kernels/select.h"

namespace hearth::text {
namespace {

using Ranked = CandidateSet::Ranked;

std::vector<Ranked> full_sort(std::span<const float> values) {
  std::vector<Ranked> all;
  for (size_t i = 0; i < values.size(); ++i) all.push_back({values[i], static_cast<int32_t>(i)});
  std::stable_sort(all.begin(), all.end(), [](const Ranked& a, const Ranked& b) { return a.value > b.value; });
  return all;
}

enum class Shape { kNormal, kFewLevels, kAllEqual, kAscending, kHalfBanned };

std::vector<float> values_of(Shape shape, size_t size, std::mt19937& random) {
  std::normal_distribution<float> normal(0, 4);
  std::vector<float> values(size);
  for (size_t i = 0; i < size; ++i) {
    switch (shape) {
      case Shape::kNormal: values[i] = normal(random); break;
      case Shape::kFewLevels: values[i] = static_cast<float>(random() % 7); break;
      case Shape::kAllEqual: values[i] = -1.5f; break;
      case Shape::kAscending: values[i] = static_cast<float>(i); break;
      case Shape::kHalfBanned:
        values[i] = random() % 2 ? normal(random) : -std::numeric_limits<float>::infinity();
        break;
    }
  }
  return values;
}

void expect_same(std::span<const Ranked> got, std::span<const Ranked> want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(got[i].index, want[i].index) << "rank " << i;
    ASSERT_EQ(got[i].value, want[i].value) << "rank " << i;
  }
}

constexpr Shape kShapes[] = {Shape::kNormal, Shape::kFewLevels, Shape::kAllEqual, Shape::kAscending, Shape::kHalfBanned};

TEST(CandidateSet, HeadIsThePrefixOfAFullSort) {
  std::mt19937 random(7);
  for (const kernels::KernelTable* table : kernels::runnable_tables()) {
    for (const Shape shape : kShapes) {
      for (const size_t size : {1u, 2u, 63u, 128u, 129u, 1000u, 4096u, 20011u}) {
        CandidateSet set(static_cast<int32_t>(size), *table);
        const std::vector<float> values = values_of(shape, size, random);
        const std::vector<Ranked> sorted = full_sort(values);
        set.reset(values);
        EXPECT_EQ(set.maximum(), sorted[0].value);
        for (const size_t count : {1u, 2u, 5u, 40u, 64u, 100u, 512u, 3000u, 30000u}) {
          const size_t kept = std::min(count, size);
          expect_same(set.head(static_cast<int64_t>(count)), std::span(sorted).first(kept));
        }
        set.reset(values);  // a long head first, then a short one
        expect_same(set.head(static_cast<int64_t>(size)), sorted);
        expect_same(set.head(1), std::span(sorted).first(1));
      }
    }
  }
}

TEST(CandidateSet, KeepNarrowsAndKeepsIdOrder) {
  std::mt19937 random(8);
  const kernels::KernelTable& table = kernels::best_table();
  for (const Shape shape : kShapes) {
    const size_t size = 5000;
    CandidateSet set(static_cast<int32_t>(size), table);
    const std::vector<float> values = values_of(shape, size, random);
    const std::vector<Ranked> sorted = full_sort(values);
    set.reset(values);
    set.keep(set.head(900));
    set.keep(set.head(300));
    std::vector<int32_t> want;
    for (size_t i = 0; i < 300; ++i) want.push_back(sorted[i].index);
    std::sort(want.begin(), want.end());
    ASSERT_EQ(set.size(), 300);
    for (int32_t i = 0; i < 300; ++i) {
      ASSERT_EQ(set.id(i), want[static_cast<size_t>(i)]);
      ASSERT_EQ(set.values()[static_cast<size_t>(i)], values[static_cast<size_t>(set.id(i))]);
      ASSERT_EQ(set.find(set.id(i)), i);
    }
    const auto missing = std::adjacent_find(want.begin(), want.end(), [](int32_t a, int32_t b) { return b > a + 1; });
    if (missing != want.end()) {
      EXPECT_EQ(set.find(*missing + 1), -1);
    }
    EXPECT_EQ(set.find(-1), -1);
    EXPECT_EQ(set.find(static_cast<int32_t>(size)), -1);
  }
}

TEST(CandidateSet, AtLeastFindsAllInIdOrder) {
  std::mt19937 random(9);
  const std::vector<float> values = values_of(Shape::kFewLevels, 3001, random);
  CandidateSet set(3001, kernels::best_table());
  set.reset(values);
  std::vector<Ranked> want;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] >= 5.0f) want.push_back({values[i], static_cast<int32_t>(i)});
  }
  expect_same(set.at_least(5.0f), want);
  EXPECT_TRUE(set.at_least(100.0f).empty());
}

TEST(CandidateSet, WritableLeavesTheCallersValuesAlone) {
  const std::vector<float> values = {1, 2, 3};
  CandidateSet set(3, kernels::best_table());
  set.reset(values);
  set.writable()[0] = 9;
  EXPECT_EQ(values[0], 1);
  EXPECT_EQ(set.maximum(), 9);
  EXPECT_EQ(set.head(1)[0].index, 0);
}

}  // namespace
}  // namespace hearth::text
