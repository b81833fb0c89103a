#include "miaudit/base/rng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace miaudit {
namespace {

// Known answers of Random123's own test file (kat_vectors: philox4x32 10).
TEST(Philox, GivesThePublishedAnswers) {
  const std::array<uint32_t, 4> zero = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  EXPECT_EQ(philox(0, {0, 0, 0, 0}), zero);
  const std::array<uint32_t, 4> ones = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
  EXPECT_EQ(philox(~uint64_t{0}, {~0u, ~0u, ~0u, ~0u}), ones);
  const std::array<uint32_t, 4> pi = {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
  EXPECT_EQ(philox(0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}), pi);
}

TEST(Rng, IsAFunctionOfSeedAndStream) {
  Rng a(5, 1), same(5, 1), other_stream(5, 2), other_seed(6, 1);
  const uint64_t first = a();
  EXPECT_EQ(first, same());
  EXPECT_NE(first, other_stream());
  EXPECT_NE(first, other_seed());
}

TEST(Rng, BelowIsUniform) {
  Rng rng(1);
  std::vector<int> counts(6);
  for (int i = 0; i < 60000; ++i) ++counts[rng.below(6)];
  // Six standard deviations of a binomial count.
  for (const int count : counts) EXPECT_NEAR(count, 10000, 6 * std::sqrt(10000 * 5 / 6.0));
}

TEST(Rng, UniformAndNormalHaveTheirMoments) {
  Rng rng(2);
  double sum = 0, normal_sum = 0, squares = 0;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const double u = rng.uniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    const double z = rng.normal();
    normal_sum += z;
    squares += z * z;
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 6 * std::sqrt(1 / 12.0 / kDraws));
  EXPECT_NEAR(normal_sum / kDraws, 0, 6 / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws, 1, 6 * std::sqrt(2.0 / kDraws));
}

TEST(Rng, ShuffleKeepsTheItems) {
  std::vector<int> items(100);
  for (int i = 0; i < 100; ++i) items[static_cast<size_t>(i)] = i;
  std::vector<int> shuffled = items;
  Rng(3).shuffle(std::span(shuffled));
  EXPECT_NE(shuffled, items);
  std::sort(shuffled.begin(), shuffled.end());
  EXPECT_EQ(shuffled, items);
}

}  // namespace
}  // namespace miaudit
