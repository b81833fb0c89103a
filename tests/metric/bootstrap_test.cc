#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "miaudit/metric/interval.h"
#include "tests/metric/simulated.h"

namespace miaudit {
namespace {

double auc_of(const SortedScores& sorted) {
  return auc_moments(sorted, {}).auc;
}

// Recorded defect 11: a peer negates its statistic twice and prints an interval near .2 for an AUC of .8.
TEST(Bca, IntervalIsOnTheRightSide) {
  const SortedScores sorted = simulated(1000, 1.19, 21).sorted();
  const Estimate estimate = bca_estimate(sorted, auc_of, 0.95, 1000, 1, {});
  EXPECT_NEAR(*estimate.value, 0.8, 0.03);
  EXPECT_GT(*estimate.low, 0.75);
  EXPECT_LT(*estimate.low, *estimate.value);
  EXPECT_GT(*estimate.high, *estimate.value);
  EXPECT_LT(*estimate.high, 0.85);
}

TEST(Bca, AgreesWithDeLongForManyRecords) {
  for (const size_t records : {1000, 20'000}) {  // one record left out at a time, and blocks
    const SortedScores sorted = simulated(records, 1, 22).sorted();
    const Estimate bootstrap = bca_estimate(sorted, auc_of, 0.95, 2000, 1, {});
    const Estimate delong = auc_estimate(sorted, 0.95, {});
    const double width = *delong.high - *delong.low;
    EXPECT_NEAR(*bootstrap.low, *delong.low, 0.08 * width) << records;
    EXPECT_NEAR(*bootstrap.high, *delong.high, 0.08 * width) << records;
  }
}

// Corrected for skewness: near 1 the interval reaches farther down than up.
TEST(Bca, LeansTowardsTheLongTail) {
  const SortedScores sorted = simulated(200, 3.2, 23).sorted();
  const Estimate estimate = bca_estimate(sorted, auc_of, 0.95, 2000, 1, {});
  EXPECT_GT(*estimate.value - *estimate.low, 1.3 * (*estimate.high - *estimate.value));
}

TEST(Bca, SameOnAnyThreadsAndOtherForAnotherSeed) {
  const SortedScores sorted = simulated(300, 1, 24).sorted();
  Context four;
  four.threads = 4;
  const Estimate one = bca_estimate(sorted, auc_of, 0.95, 400, 9, {});
  const Estimate many = bca_estimate(sorted, auc_of, 0.95, 400, 9, four);
  EXPECT_EQ(*one.low, *many.low);
  EXPECT_EQ(*one.high, *many.high);
  EXPECT_NE(*one.low, *bca_estimate(sorted, auc_of, 0.95, 400, 10, {}).low);
}

TEST(Bca, HasNoIntervalWhereResamplesCannotDiffer) {
  const Estimate perfect = bca_estimate({{2, 3, 4}, {0, 1}}, auc_of, 0.95, 200, 1, {});
  EXPECT_EQ(*perfect.value, 1);
  EXPECT_FALSE(perfect.low);
  EXPECT_FALSE(perfect.high);
  const Estimate tiny = bca_estimate({{1}, {0, 1, 2}}, auc_of, 0.95, 200, 1, {});
  EXPECT_LE(*tiny.low, *tiny.high);
}

TEST(Bca, RefusesTooFewReplicatesAndWildStatistics) {
  const SortedScores sorted = simulated(20, 1, 25).sorted();
  EXPECT_THROW(bca_estimate(sorted, auc_of, 0.95, 199, 1, {}), Error);
  EXPECT_THROW(bca_estimate(sorted, [](const SortedScores&) { return std::nan(""); }, 0.95, 200, 1, {}), Error);
}

struct Pair {
  std::vector<double> a, b;
  std::vector<int8_t> membership;
};

/// Two noisy views of one leak, b with more noise.
Pair paired(size_t records, uint64_t seed) {
  Pair pair;
  Rng rng(seed);
  for (size_t i = 0; i < records; ++i) {
    pair.membership.push_back(i % 2 == 0);
    const double common = rng.normal() + (i % 2 == 0 ? 1.5 : 0);
    pair.a.push_back(common + 0.3 * rng.normal());
    pair.b.push_back(common + rng.normal());
  }
  return pair;
}

TEST(Paired, SeesADifferenceThatSeparateIntervalsDoNot) {
  const Pair pair = paired(1000, 26);
  const Estimate difference = auc_difference({pair.a, pair.b, pair.membership}, 0.95, {});
  EXPECT_GT(*difference.low, 0);
  const Estimate a = auc_estimate(sort_scores(pair.a, pair.membership, {}), 0.95, {});
  const Estimate b = auc_estimate(sort_scores(pair.b, pair.membership, {}), 0.95, {});
  EXPECT_LT(*difference.high - *difference.low, 0.9 * std::hypot(*a.high - *a.low, *b.high - *b.low));
  const Estimate reverse = auc_difference({pair.b, pair.a, pair.membership}, 0.95, {});
  EXPECT_NEAR(*reverse.low, -*difference.high, 1e-12);
}

TEST(Paired, DeLongAndBootstrapAgree) {
  const Pair pair = paired(2000, 27);
  const Estimate delong = auc_difference({pair.a, pair.b, pair.membership}, 0.95, {});
  const Estimate bootstrap = statistic_difference({pair.a, pair.b, pair.membership}, auc_of, 0.95, 2000, 1, {});
  const double width = *delong.high - *delong.low;
  EXPECT_NEAR(*bootstrap.value, *delong.value, 1e-12);
  EXPECT_NEAR(*bootstrap.low, *delong.low, 0.1 * width);
  EXPECT_NEAR(*bootstrap.high, *delong.high, 0.1 * width);
}

TEST(Paired, GroupsOfOneRecordChangeLittle) {
  const Pair pair = paired(1000, 30);
  std::vector<int64_t> groups(pair.a.size());
  std::iota(groups.begin(), groups.end(), 7);
  const PairedScores alone{pair.a, pair.b, pair.membership}, grouped{pair.a, pair.b, pair.membership, groups};
  for (const bool by_bootstrap : {false, true}) {
    const auto difference = [&](const PairedScores& scores) {
      return by_bootstrap ? statistic_difference(scores, auc_of, 0.95, 2000, 1, {}) : auc_difference(scores, 0.95, {});
    };
    const Estimate one = difference(alone), other = difference(grouped);
    const double width = *one.high - *one.low;
    EXPECT_NEAR(*one.value, *other.value, 1e-12);
    EXPECT_NEAR(*one.low, *other.low, 0.1 * width);
    EXPECT_NEAR(*one.high, *other.high, 0.1 * width);
  }
  std::vector<int64_t> few(pair.a.size());
  for (size_t i = 0; i < few.size(); ++i) few[i] = static_cast<int64_t>(i % 10);
  const PairedScores of_ten{pair.a, pair.b, pair.membership, few};
  EXPECT_FALSE(statistic_difference(of_ten, auc_of, 0.95, 200, 1, {}).low) << "ten groups tell no interval";
  EXPECT_THROW(auc_difference({pair.a, pair.b, pair.membership, std::span(few).first(3)}, 0.95, {}), Error);
}

TEST(Paired, EqualScoresDoNotDiffer) {
  const Scored data = simulated(400, 1, 28);
  const PairedScores same{data.scores, data.scores, data.membership};
  for (const Estimate& none : {auc_difference(same, 0.95, {}), statistic_difference(same, auc_of, 0.95, 200, 1, {})}) {
    EXPECT_EQ(none.value, 0);
    EXPECT_EQ(none.low, 0);
    EXPECT_EQ(none.high, 0);
    EXPECT_EQ(none.method, "same_scores");
  }
  // Of one order but not the same: what another sample would show is not known.
  std::vector<double> doubled = data.scores;
  for (double& score : doubled) score *= 2;
  const PairedScores alike{data.scores, doubled, data.membership};
  const Estimate of_auc = auc_difference(alike, 0.95, {});
  EXPECT_EQ(of_auc.value, 0);
  EXPECT_LT(of_auc.low, 0);
  EXPECT_GT(of_auc.high, 0);
  EXPECT_LT(*of_auc.high - *of_auc.low, 0.02);
  EXPECT_FALSE(statistic_difference(alike, auc_of, 0.95, 200, 1, {}).low);
}

TEST(Paired, RefusesOtherLengths) {
  const Scored data = simulated(10, 1, 29);
  const std::vector<double> shorter(9, 0.0);
  EXPECT_THROW(auc_difference({data.scores, shorter, data.membership}, 0.95, {}), Error);
  EXPECT_THROW(statistic_difference({shorter, data.scores, data.membership}, auc_of, 0.95, 200, 1, {}), Error);
}

}  // namespace
}  // namespace miaudit
