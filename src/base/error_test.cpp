// Result: what it holds outlives the Result where it is taken from a temporary, and move-only values pass through.
#include "hearth/error.h"

#include <gtest/gtest.h>

#include <memory>
#include <type_traits>
#include <vector>

namespace hearth {
namespace {

static_assert(std::is_same_v<decltype(*std::declval<Result<std::vector<int>>>()), std::vector<int>>);
static_assert(std::is_same_v<decltype(std::declval<Result<std::vector<int>>>().value()), std::vector<int>>);
static_assert(std::is_same_v<decltype(std::declval<Result<int>>().error()), Error>);
static_assert(std::is_same_v<decltype(std::declval<Result<void>>().error()), Error>);
static_assert(std::is_same_v<decltype(*std::declval<Result<int>&>()), int&>);

// Marks its memory when it dies, so that reading it afterwards shows even without a sanitizer.
struct Numbers {
  std::vector<int> values;
  bool* died;
  Numbers(std::vector<int> of, bool* flag) : values(std::move(of)), died(flag) {}
  Numbers(Numbers&& other) noexcept : values(std::move(other.values)), died(std::exchange(other.died, nullptr)) {}
  ~Numbers() {
    if (died) *died = true;
  }
  std::vector<int>::const_iterator begin() const { return values.begin(); }
  std::vector<int>::const_iterator end() const { return values.end(); }
};

Result<Numbers> numbers(bool* died) { return Numbers({1, 2, 3}, died); }

TEST(Result, ALoopOverATemporaryKeepsTheValueAlive) {
  bool died = false;
  int sum = 0;
  for (const int number : *numbers(&died)) {
    EXPECT_FALSE(died);
    sum += number;
  }
  EXPECT_EQ(sum, 6);
  EXPECT_TRUE(died);
  died = false;
  for (const int number : numbers(&died).value()) {
    EXPECT_FALSE(died);
    sum += number;
  }
  EXPECT_EQ(sum, 12);
  EXPECT_TRUE(died);
}

TEST(Result, MoveOnlyValuesAndErrorsComeOut) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  const std::unique_ptr<int> value = *std::move(result);
  EXPECT_EQ(*value, 7);
  Result<std::unique_ptr<int>> failed = Error{ErrorCode::kIo, "no"};
  const auto pass_on = [&]() -> Result<int> { return *TRY(std::move(failed)); };
  EXPECT_EQ(pass_on().error().message, "no");
}

}  // namespace
}  // namespace hearth
