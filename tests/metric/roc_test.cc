#include "miaudit/metric/roc.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "miaudit/base/error.h"
#include "tests/metric/simulated.h"

namespace miaudit {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Straight from the definitions, O(members · non-members).
AucMoments brute_force(const SortedScores& sorted) {
  const auto order = [](double member, double nonmember) {
    return member > nonmember ? 1.0 : member == nonmember ? 0.5 : 0.0;
  };
  const double m = double(sorted.members.size());
  const double n = double(sorted.nonmembers.size());
  std::vector<double> of_member(sorted.members.size(), 0);
  std::vector<double> of_nonmember(sorted.nonmembers.size(), 0);
  double auc = 0;
  for (size_t i = 0; i < sorted.members.size(); ++i)
    for (size_t j = 0; j < sorted.nonmembers.size(); ++j) {
      const double value = order(sorted.members[i], sorted.nonmembers[j]);
      of_member[i] += value;
      of_nonmember[j] += value;
      auc += value;
    }
  // Halves add up exactly; only now is anything rounded.
  auc /= m * n;
  for (double& value : of_member) value /= n;
  for (double& value : of_nonmember) value /= m;
  double member_squares = 0;
  double nonmember_squares = 0;
  for (const double value : of_member) member_squares += (value - auc) * (value - auc);
  for (const double value : of_nonmember) nonmember_squares += (value - auc) * (value - auc);
  return {auc, member_squares / (m - 1) / m + nonmember_squares / (n - 1) / n};
}

TEST(SortScores, PartsByTruthAndLeavesOutTheUnknown) {
  const std::vector<double> scores{3, -0.0, 7, 1, std::nan(""), -2};
  const std::vector<int8_t> membership{1, 0, 1, 0, -1, 0};
  const SortedScores sorted = sort_scores(scores, membership, {});
  EXPECT_EQ(sorted.members, (std::vector<double>{3, 7}));
  EXPECT_EQ(sorted.nonmembers, (std::vector<double>{-2, 0, 1}));
}

std::string message_of(const std::vector<double>& scores, const std::vector<int8_t>& membership) {
  try {
    sort_scores(scores, membership, {});
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::input);
    return error.what();
  }
  return "no error";
}

TEST(SortScores, RefusesWithAPlace) {
  EXPECT_NE(message_of({1, 2, 3}, {1, 0}).find("3 scores but 2"), std::string::npos);
  EXPECT_NE(message_of({1, 2, std::nan("")}, {1, 0, 1}).find("record 2"), std::string::npos);
  EXPECT_NE(message_of({1, -kInfinity, kInfinity}, {1, 0, 1}).find("record 1"), std::string::npos);
  EXPECT_NE(message_of({1, 2, 3}, {1, 0, 2}).find("membership of record 2 is 2"), std::string::npos);
  EXPECT_NE(message_of({1, 2, 3}, {1, 0, -2}).find("membership of record 2 is -2"), std::string::npos);
  EXPECT_NE(message_of({1, 2}, {1, 1}).find("2 members and 0 non-members"), std::string::npos);
  EXPECT_NE(message_of({1, 2}, {-1, 0}).find("0 members and 1 non-member;"), std::string::npos);
  EXPECT_NE(message_of({}, {}).find("0 members"), std::string::npos);
}

TEST(RocPoints, TiesEnterTogether) {
  const SortedScores sorted{{1, 2, 2, 5}, {0, 2, 2, 3}};
  const std::vector<RocPoint> points = roc_points(sorted);
  const std::vector<std::array<double, 3>> expected{{kInfinity, 0, 0}, {5, 1, 0}, {3, 1, 1},
                                                    {2, 3, 3},         {1, 4, 3}, {0, 4, 4}};
  ASSERT_EQ(points.size(), expected.size());
  for (size_t k = 0; k < points.size(); ++k) {
    EXPECT_EQ(points[k].threshold, expected[k][0]);
    EXPECT_EQ(points[k].true_positives, expected[k][1]);
    EXPECT_EQ(points[k].false_positives, expected[k][2]);
  }
}

// Recorded defect 1: a peer takes the first index of a block of ties and prints an AUC of .124 for a coin flip with two
// levels, and a TPR above 0 at an FPR of 0.
TEST(Roc, TwoLevelsWithoutLeakGiveOneHalfAndNoTprAtFprZero) {
  Rng rng(3);
  std::vector<double> scores(20'000);
  std::vector<int8_t> membership(20'000);
  for (size_t i = 0; i < scores.size(); ++i) {
    membership[i] = i < 10'000;
    scores[i] = double(rng.below(2));
  }
  const SortedScores sorted = sort_scores(scores, membership, {});
  EXPECT_NEAR(auc_moments(sorted, {}).auc, 0.5, 0.015);
  const RocPoint at_zero = point_at_fpr(sorted, 0);
  EXPECT_EQ(at_zero.true_positives, 0u);
  EXPECT_EQ(at_zero.false_positives, 0u);
  EXPECT_EQ(at_zero.threshold, kInfinity);
  EXPECT_EQ(point_at_fpr(sorted, 0.3).true_positives, 0u);
  EXPECT_EQ(roc_points(sorted).size(), 3u);
}

// Recorded defect 14: a peer leaves open which side is positive. Higher scores are members: a score that separates
// perfectly has AUC 1, its negation 0.
TEST(Auc, MembersArePositive) {
  const std::vector<double> scores{9, 8, 1, 2};
  const std::vector<double> negated{-9, -8, -1, -2};
  const std::vector<int8_t> membership{1, 1, 0, 0};
  EXPECT_EQ(auc_moments(sort_scores(scores, membership, {}), {}).auc, 1);
  EXPECT_EQ(auc_moments(sort_scores(negated, membership, {}), {}).auc, 0);
}

TEST(AucMoments, AgreeWithTheDefinition) {
  for (const double step : {0.0, 0.05, 0.5, 10.0})
    for (const double shift : {-1.0, 0.0, 2.0, 6.0}) {
      const SortedScores sorted = simulated(700, shift, 5, step).sorted();
      const AucMoments expected = brute_force(sorted);
      const AucMoments found = auc_moments(sorted, {});
      EXPECT_NEAR(found.auc, expected.auc, 1e-14);
      EXPECT_NEAR(found.variance, expected.variance, 1e-11 * expected.variance + 1e-17);
    }
}

TEST(AucMoments, SidesOfAnySize) {
  Rng rng(4);
  for (const size_t m : {1, 2, 7, 300})
    for (const size_t n : {1, 3, 200}) {
      SortedScores sorted;
      for (size_t i = 0; i < m; ++i) sorted.members.push_back(double(rng.below(50)));
      for (size_t j = 0; j < n; ++j) sorted.nonmembers.push_back(double(rng.below(50)));
      std::sort(sorted.members.begin(), sorted.members.end());
      std::sort(sorted.nonmembers.begin(), sorted.nonmembers.end());
      EXPECT_NEAR(auc_moments(sorted, {}).auc, brute_force(sorted).auc, 1e-14);
      EXPECT_TRUE(std::isfinite(auc_moments(sorted, {}).variance));
    }
}

// Many blocks: ties and all, the same bytes on any number of threads, and the same figure as from a single threshold
// walk.
TEST(AucMoments, SameOnAnyThreads) {
  for (const double step : {0.0, 0.25}) {
    const SortedScores sorted = simulated(500'000, 0.7, 6, step).sorted();
    const AucMoments one = auc_moments(sorted, {});
    Context three;
    three.threads = 3;
    const AucMoments many = auc_moments(sorted, three);
    EXPECT_EQ(one.auc, many.auc);
    EXPECT_EQ(one.variance, many.variance);
    double area = 0;
    RocPoint last{};
    for (const RocPoint& point : roc_points(sorted)) {
      area +=
          double(point.false_positives - last.false_positives) * double(point.true_positives + last.true_positives) / 2;
      last = point;
    }
    EXPECT_NEAR(one.auc, area / (250e3 * 250e3), 1e-12);
  }
}

TEST(PointAtFpr, IsTheBestOfAllPoints) {
  for (const double step : {0.0, 0.5}) {
    const SortedScores sorted = simulated(200, 1, 7, step).sorted();
    for (double fpr = 0; fpr <= 1; fpr += 0.01) {
      const RocPoint found = point_at_fpr(sorted, fpr);
      uint64_t best = 0;
      for (const RocPoint& point : roc_points(sorted))
        if (double(point.false_positives) / 100 <= fpr) best = point.true_positives;
      EXPECT_EQ(found.true_positives, best) << fpr;
      EXPECT_LE(double(found.false_positives) / 100, fpr);
    }
  }
}

TEST(PointAtFpr, RoundedProductsDoNotLoseARecord) {
  SortedScores sorted;
  for (int i = 0; i < 100; ++i) {
    sorted.members.push_back(i + 0.5);
    sorted.nonmembers.push_back(i);
  }
  for (int k = 0; k <= 100; ++k) EXPECT_EQ(point_at_fpr(sorted, k / 100.0).false_positives, uint64_t(k));
  EXPECT_THROW(point_at_fpr(sorted, -0.1), Error);
  EXPECT_THROW(point_at_fpr(sorted, std::nan("")), Error);
}

TEST(BestAdvantage, IsTheLargestGap) {
  const SortedScores sorted = simulated(300, 1, 8, 0.25).sorted();
  const RocPoint best = best_advantage(sorted);
  for (const RocPoint& point : roc_points(sorted))
    EXPECT_LE(int64_t(point.true_positives - point.false_positives),
              int64_t(best.true_positives - best.false_positives));
  const SortedScores inverted{{0, 1}, {2, 3}};
  EXPECT_EQ(best_advantage(inverted).threshold, kInfinity);
}

TEST(RocOutline, KeepsTheEndsAndTheLowRates) {
  const SortedScores sorted = simulated(20'000, 1, 9).sorted();
  const std::vector<RocPoint> outline = roc_outline(sorted, 100);
  EXPECT_LE(outline.size(), 100u);
  EXPECT_GT(outline.size(), 60u);
  EXPECT_EQ(outline.front().threshold, kInfinity);
  EXPECT_EQ(outline[1].false_positives, 0u);
  EXPECT_EQ(outline[1].true_positives, point_at_fpr(sorted, 0).true_positives);
  EXPECT_EQ(outline.back().true_positives, 10'000u);
  EXPECT_EQ(outline.back().false_positives, 10'000u);
  for (size_t k = 1; k < outline.size(); ++k) {
    EXPECT_LT(outline[k].threshold, outline[k - 1].threshold);
    EXPECT_EQ(outline[k].true_positives,
              point_at_fpr(sorted, double(outline[k].false_positives) / 10'000).true_positives);
  }
  const SortedScores few = simulated(20, 1, 9).sorted();
  EXPECT_EQ(roc_outline(few, 100).size(), roc_points(few).size());
}

}  // namespace
}  // namespace miaudit
