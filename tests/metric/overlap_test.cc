#include "miaudit/metric/overlap.h"

#include <gtest/gtest.h>

#include "miaudit/base/error.h"

namespace miaudit {
namespace {

std::vector<Ranked> ordered(const std::vector<std::string>& names) {
  std::vector<Ranked> order;
  for (const std::string& name : names) order.push_back({name, static_cast<double>(order.size() + 1)});
  return order;
}

TEST(CompareOrders, CountsWhatTheFirstHaveInCommon) {
  const auto a = ordered({"p", "q", "r", "s", "t", "only here"}), b = ordered({"r", "q", "other", "p", "t", "s"});
  const uint64_t depths[] = {2, 3, 5};
  const OrderComparison found = compare_orders(a, b, depths);
  EXPECT_EQ(found.names, 5u);
  EXPECT_EQ(found.overlaps[0].common, 1);
  EXPECT_DOUBLE_EQ(found.overlaps[0].by_chance, 4. / 5);
  // Of two drawn from five with two marked, at least one is: 1 - C(3,2)/C(5,2).
  EXPECT_NEAR(found.overlaps[0].chance_at_least, 0.7, 1e-12);
  EXPECT_EQ(found.overlaps[1].common, 3);
  EXPECT_NEAR(found.overlaps[1].chance_at_least, 0.1, 1e-12);
  EXPECT_EQ(found.overlaps[2].common, 5);
  EXPECT_NEAR(found.overlaps[2].chance_at_least, 1, 1e-12);
  // Ranks p q r s t: 0 1 2 3 4 and 2 1 0 4 3.
  EXPECT_NEAR(found.rank_correlation, 1 - 6. * (4 + 0 + 4 + 1 + 1) / (5 * 24), 1e-12);
}

TEST(CompareOrders, OfOneOrderTwiceIsWhole) {
  std::vector<std::string> names;
  for (int k = 0; k < 1000; ++k) names.push_back(std::to_string(k));
  const uint64_t depths[] = {100};
  const OrderComparison found = compare_orders(ordered(names), ordered(names), depths);
  EXPECT_NEAR(found.rank_correlation, 1, 1e-12);
  EXPECT_EQ(found.overlaps[0].common, 100);
  EXPECT_LT(found.overlaps[0].chance_at_least, 1e-100);
  EXPECT_GT(found.overlaps[0].chance_at_least, 0);
}

// Records that an attack tells nothing of stand in the order of the input, in both reports.
TEST(CompareOrders, SeesNoAgreementInTheOrderOfEquals) {
  std::vector<Ranked> a, b;
  for (int k = 0; k < 100; ++k) {
    a.push_back({std::to_string(k), 50.5});
    b.push_back({std::to_string(k), k < 50 ? 25.5 : 75.5});
  }
  const uint64_t depths[] = {10, 50};
  const OrderComparison found = compare_orders(a, b, depths);
  EXPECT_EQ(found.rank_correlation, 0);
  EXPECT_NEAR(found.overlaps[0].common, 1, 1e-12);
  EXPECT_NEAR(found.overlaps[1].common, 25, 1e-9);
}

TEST(CompareOrders, RefusesWhatIsNoOrderOfTheSameRecords) {
  const auto a = ordered({"a", "b"}), twice = ordered({"a", "a"}), other = ordered({"c", "d"});
  const uint64_t depths[] = {1}, deep[] = {3};
  EXPECT_THROW(compare_orders(a, twice, depths), Error);
  EXPECT_THROW(compare_orders(a, other, depths), Error);
  EXPECT_THROW(compare_orders(a, a, deep), Error);
}

}  // namespace
}  // namespace miaudit
