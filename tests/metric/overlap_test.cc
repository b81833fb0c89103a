#include "miaudit/metric/overlap.h"

#include <gtest/gtest.h>

#include "miaudit/base/error.h"

namespace miaudit {
namespace {

using Names = std::vector<std::string>;

TEST(CompareOrders, CountsWhatTheFirstHaveInCommon) {
  const Names a = {"p", "q", "r", "s", "t", "only here"}, b = {"r", "q", "other", "p", "t", "s"};
  const uint64_t depths[] = {2, 3, 5, 6};
  const OrderComparison found = compare_orders(a, b, depths);
  EXPECT_EQ(found.names, 5u);
  ASSERT_EQ(found.overlaps.size(), 3u);  // 6 are more than there are
  EXPECT_EQ(found.overlaps[0].common, 1u);
  EXPECT_DOUBLE_EQ(found.overlaps[0].by_chance, 4. / 5);
  // Of two drawn from five with two marked, at least one is: 1 - C(3,2)/C(5,2).
  EXPECT_NEAR(found.overlaps[0].chance_at_least, 0.7, 1e-12);
  EXPECT_EQ(found.overlaps[1].common, 3u);
  EXPECT_NEAR(found.overlaps[1].chance_at_least, 0.1, 1e-12);
  EXPECT_EQ(found.overlaps[2].common, 5u);
  EXPECT_NEAR(found.overlaps[2].chance_at_least, 1, 1e-12);
  // Ranks p q r s t: 0 1 2 3 4 and 2 1 0 4 3.
  EXPECT_NEAR(found.rank_correlation, 1 - 6. * (4 + 0 + 4 + 1 + 1) / (5 * 24), 1e-12);
}

TEST(CompareOrders, OfOneOrderTwiceIsWhole) {
  Names names;
  for (int k = 0; k < 1000; ++k) names.push_back(std::to_string(k));
  const uint64_t depths[] = {100};
  const OrderComparison found = compare_orders(names, names, depths);
  EXPECT_EQ(found.rank_correlation, 1);
  EXPECT_EQ(found.overlaps[0].common, 100u);
  EXPECT_LT(found.overlaps[0].chance_at_least, 1e-100);
  EXPECT_GT(found.overlaps[0].chance_at_least, 0);
}

TEST(CompareOrders, RefusesWhatIsNoOrderOfTheSameRecords) {
  const Names a = {"a", "b"}, twice = {"a", "a"}, other = {"c", "d"};
  const uint64_t depths[] = {1};
  EXPECT_THROW(compare_orders(a, twice, depths), Error);
  EXPECT_THROW(compare_orders(a, other, depths), Error);
}

}  // namespace
}  // namespace miaudit
