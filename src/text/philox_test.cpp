// Philox against the known-answer vectors published with Random123 (kat_vectors, philox4x64-10).
#include "text/philox.h"

#include <gtest/gtest.h>

namespace hearth::text {
namespace {

using Counter = std::array<uint64_t, 4>;

TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Counter{0x16554d9eca36314c, 0xdb20fe9d672d0fdc, 0xd7e772cee186176b,
                                                   0x7e68b68aec7ba23b}));
  constexpr uint64_t kOnes = ~uint64_t{0};
  EXPECT_EQ(philox({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (Counter{0x87b092c3013fe90b, 0x438c3c67be8d0224, 0x9cc7d7c69cd777b6, 0xa09caebf594f0ba0}));
  EXPECT_EQ(philox({0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89},
                   {0x452821e638d01377, 0xbe5466cf34e90c6c}),
            (Counter{0xa528f45403e61d95, 0x38c72dbd566e9788, 0xa5a1610e72fd18b5, 0x57bd43b5e52b7fe6}));
}

// numpy.random.Generator(numpy.random.Philox(counter=[position - 1, draw, 0, 0], key=[seed, choice])).random(); numpy
// increments its counter before each block.
TEST(Philox, UniformIsNumpys) {
  EXPECT_EQ(uniform(1, 0, 1, 0), 0x1.36da89edd58a0p-2);
  EXPECT_EQ(uniform(42, 3, 1000, 2), 0x1.81a8bbf7747e3p-1);
  EXPECT_EQ(uniform(0xfedcba9876543210, 1, 77, 0), 0x1.6791478bdeed6p-1);
}

}  // namespace
}  // namespace hearth::text
