#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "miaudit/base/rng.h"
#include "miaudit/learn/learners.h"

namespace miaudit {
namespace {

std::vector<uint32_t> random_strata(size_t records, uint32_t strata, uint64_t seed) {
  Rng rng(seed);
  std::vector<uint32_t> result(records);
  for (uint32_t& stratum : result) stratum = static_cast<uint32_t>(rng.below(strata));
  return result;
}

/// Largest difference between two folds' counts of the records that `counts` counts.
size_t spread_of(const std::vector<size_t>& counts) {
  const auto [low, high] = std::ranges::minmax(counts);
  return high - low;
}

TEST(AssignFolds, SpreadsEveryStratumAndTheWholeEvenly) {
  for (const int folds : {2, 5, 7}) {
    const std::vector<uint32_t> strata = random_strata(1003, 40, 1);
    const std::vector<uint8_t> fold = assign_folds(strata, {}, folds, 9);
    std::vector<size_t> sizes(folds);
    std::map<uint32_t, std::vector<size_t>> counts;
    for (size_t i = 0; i < strata.size(); ++i) {
      ++sizes.at(fold[i]);
      counts.try_emplace(strata[i], folds).first->second[fold[i]] += 1;
    }
    EXPECT_LE(spread_of(sizes), 1u);
    for (const auto& [stratum, of_stratum] : counts) EXPECT_LE(spread_of(of_stratum), 1u) << stratum;
  }
}

TEST(AssignFolds, IsAFunctionOfItsSeed) {
  const std::vector<uint32_t> strata = random_strata(500, 3, 1);
  EXPECT_EQ(assign_folds(strata, {}, 5, 1), assign_folds(strata, {}, 5, 1));
  EXPECT_NE(assign_folds(strata, {}, 5, 1), assign_folds(strata, {}, 5, 2));
}

TEST(AssignFolds, DoesNotFollowTheOrderOfRecords) {
  const std::vector<uint32_t> strata(10'000, 0);
  const std::vector<uint8_t> fold = assign_folds(strata, {}, 2, 3);
  size_t changes = 0;
  for (size_t i = 1; i < fold.size(); ++i) changes += fold[i] != fold[i - 1];
  EXPECT_NEAR(static_cast<double>(changes), 5000, 300);
}

TEST(AssignFolds, KeepsGroupsWholeAndTheRestEven) {
  const size_t records = 3000;
  const std::vector<uint32_t> strata = random_strata(records, 4, 5);
  Rng rng(6);
  std::vector<int64_t> groups(records);
  for (int64_t& group : groups) group = static_cast<int64_t>(rng.below(400)) - 200;
  const std::vector<uint8_t> fold = assign_folds(strata, groups, 5, 7);
  std::map<int64_t, std::set<int>> folds_of_group;
  std::vector<size_t> sizes(5);
  std::vector<std::vector<size_t>> counts(4, std::vector<size_t>(5));
  for (size_t i = 0; i < records; ++i) {
    folds_of_group[groups[i]].insert(fold[i]);
    ++sizes[fold[i]];
    ++counts[strata[i]][fold[i]];
  }
  for (const auto& [group, folds] : folds_of_group) EXPECT_EQ(folds.size(), 1u) << group;
  EXPECT_LE(spread_of(sizes), 20u);
  for (const std::vector<size_t>& of_stratum : counts) EXPECT_LE(spread_of(of_stratum), 20u);
  EXPECT_EQ(fold, assign_folds(strata, groups, 5, 7));
  EXPECT_NE(fold, assign_folds(strata, groups, 5, 8));
}

TEST(AssignFolds, SurvivesOneHugeGroup) {
  std::vector<int64_t> groups(100, 1);
  for (size_t i = 60; i < 100; ++i) groups[i] = static_cast<int64_t>(i);
  const std::vector<uint32_t> strata(100, 0);
  const std::vector<uint8_t> fold = assign_folds(strata, groups, 5, 0);
  for (int f = 0; f < 5; ++f) EXPECT_GE(std::ranges::count(fold, f), 10);
}

TEST(AssignFolds, RefusesImpossibleNumbers) {
  const std::vector<uint32_t> strata(10, 0);
  const std::vector<int64_t> groups = {1, 1, 1, 1, 1, 2, 2, 2, 2, 2};
  for (const int folds : {-1, 1, 11, 256}) {
    try {
      assign_folds(strata, {}, folds, 0);
      ADD_FAILURE() << folds;
    } catch (const Error& error) {
      EXPECT_EQ(error.category(), Category::config);
    }
  }
  EXPECT_NO_THROW(assign_folds(strata, groups, 2, 0));
  EXPECT_THROW(assign_folds(strata, groups, 3, 0), Error);
}

}  // namespace
}  // namespace miaudit
