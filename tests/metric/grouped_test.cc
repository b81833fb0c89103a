#include <gtest/gtest.h>

#include <cmath>

#include "miaudit/metric/interval.h"
#include "tests/metric/simulated.h"

namespace miaudit {
namespace {

struct Grouped {
  std::vector<double> scores;
  std::vector<int8_t> membership;
  std::vector<int64_t> groups;

  GroupedScores view() const { return {scores, membership, groups}; }
};

/// Every record of `data` so many times, as one group.
Grouped copied(const Scored& data, int times) {
  Grouped grouped;
  for (size_t i = 0; i < data.scores.size(); ++i)
    for (int copy = 0; copy < times; ++copy) {
      grouped.scores.push_back(data.scores[i]);
      grouped.membership.push_back(data.membership[i]);
      grouped.groups.push_back(static_cast<int64_t>(i) * 7 - 1000);
    }
  return grouped;
}

void expect_near(const Estimate& found, const Estimate& expected, double share) {
  const double width = *expected.high - *expected.low;
  EXPECT_NEAR(*found.low, *expected.low, share * width) << found.method;
  EXPECT_NEAR(*found.high, *expected.high, share * width) << found.method;
}

TEST(Grouped, CopiesOfARecordAddNothing) {
  for (const double shift : {0.0, 1.0, 3.0}) {
    const Scored data = simulated(1000, shift, 31);
    for (const int times : {1, 5}) {
      const Grouped grouped = copied(data, times);
      const Estimate auc = auc_estimate(grouped.view(), 0.95, {});
      expect_near(auc, auc_estimate(data.sorted(), 0.95, {}), 0.02);
      expect_near(tpr_at_fpr_estimate(grouped.view(), 0.05, 0.95, {}), tpr_at_fpr_estimate(data.sorted(), 0.05, 0.95),
                  0.05);
      EXPECT_NEAR(*advantage_estimate(grouped.view(), 0.95, 1, {}).high,
                  *advantage_estimate(data.sorted(), 0.95, 1).high, 1e-12);
    }
    // Taken as independent, five copies would narrow it to 1/√5.
    const Grouped grouped = copied(data, 5);
    const Estimate naive = auc_estimate(sort_scores(grouped.scores, grouped.membership, {}), 0.95, {});
    const Estimate right = auc_estimate(grouped.view(), 0.95, {});
    EXPECT_LT(*naive.high - *naive.low, 0.5 * (*right.high - *right.low));
  }
}

TEST(Grouped, PerfectOrderIsWorthItsGroups) {
  const Grouped grouped = copied({{10, 11, 12, 0, 1, 2}, {1, 1, 1, 0, 0, 0}}, 50);
  const Estimate estimate = auc_estimate(grouped.view(), 0.95, {});
  EXPECT_EQ(*estimate.value, 1);
  EXPECT_NEAR(*estimate.low, std::pow(0.025, 1.0 / 3), 1e-12);
}

TEST(Grouped, MayHoldMembersAndNonMembers) {
  Grouped grouped;
  Rng rng(32);
  for (int64_t group = 0; group < 300; ++group) {
    const double person = rng.normal();
    for (const int8_t member : std::initializer_list<int8_t>{0, 1, 1, -1, 0}) {
      grouped.scores.push_back(person + rng.normal() + member);
      grouped.membership.push_back(member);
      grouped.groups.push_back(group);
    }
  }
  for (const Estimate& estimate :
       {auc_estimate(grouped.view(), 0.95, {}), tpr_at_fpr_estimate(grouped.view(), 0.1, 0.95, {}),
        advantage_estimate(grouped.view(), 0.95, 1, {}), balanced_accuracy_estimate(grouped.view(), 0.95, 1, {})}) {
    EXPECT_LT(*estimate.low, *estimate.value) << estimate.method;
    EXPECT_GT(*estimate.high, *estimate.value) << estimate.method;
    EXPECT_EQ(estimate.method.substr(0, 8), "grouped_");
  }
}

TEST(Grouped, OneGroupSaysLittle) {
  Grouped grouped = copied(simulated(100, 2, 33), 1);
  grouped.groups.assign(grouped.groups.size(), 4);
  const Estimate auc = auc_estimate(grouped.view(), 0.95, {});
  EXPECT_GT(*auc.high - *auc.low, 0.9);
  EXPECT_EQ(*advantage_estimate(grouped.view(), 0.95, 1, {}).low, 0);
  EXPECT_EQ(*tpr_at_fpr_estimate(grouped.view(), 0.05, 0.95, {}).low, 0);
}

// One person has all of a side and some of the other: how far they stray from their own mean is 0/0.
TEST(Grouped, OneGroupMayHaveAllOfASide) {
  for (uint64_t seed = 40; seed < 60; ++seed)
    for (const int8_t side : {int8_t{0}, int8_t{1}})
      for (const bool has_all : {false, true})
        for (const double step : {0.0, 1.0, 0.1}) {
          Grouped grouped;
          Rng rng(seed);
          for (int64_t record = 0; record < 60; ++record) {
            const auto member = static_cast<int8_t>(record % 2);
            grouped.scores.push_back(step == 0 ? static_cast<double>(member) : step * std::round(2 * rng.normal()));
            grouped.membership.push_back(member);
            grouped.groups.push_back(member == side || has_all || record < 10 ? 0 : record);
          }
          const Estimate auc = auc_estimate(grouped.view(), 0.95, {});
          EXPECT_LE(0, *auc.low);
          EXPECT_LE(*auc.low, *auc.value);
          EXPECT_LE(*auc.value, *auc.high);
          EXPECT_LE(*auc.high, 1);
          EXPECT_GT(*auc.high - *auc.low, 0.5);
        }
}

// A million records under two models: work in the square of their number would not end.
TEST(Grouped, TakesTimeInTheNumberOfRecordsThatCross) {
  constexpr size_t kRecords = size_t{1} << 20;
  const Scored data = simulated(2 * kRecords, 1, 35);
  const std::vector<int64_t> models = {0, 1};
  const Estimate auc = auc_estimate(GroupedScores{data.scores, data.membership, models, 1, kRecords}, 0.95, {});
  EXPECT_LT(*auc.low, *auc.value);
  EXPECT_GT(*auc.high, *auc.value);
}

TEST(Grouped, RefusesOtherLengths) {
  Grouped grouped = copied(simulated(10, 1, 34), 1);
  grouped.groups.pop_back();
  EXPECT_THROW(auc_estimate(grouped.view(), 0.95, {}), Error);
  const Scored data = simulated(20, 1, 34);  // of each side
  const std::vector<int64_t> of_scores(data.scores.size());
  EXPECT_THROW(auc_estimate(GroupedScores{data.scores, data.membership, of_scores, 1, 20}, 0.95, {}), Error);
}

}  // namespace
}  // namespace miaudit
