#include "miaudit/metric/crossed_bootstrap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "miaudit/base/error.h"
#include "miaudit/base/rng.h"
#include "miaudit/math/distributions.h"

namespace miaudit {
namespace {

struct Made {
  size_t records;
  std::vector<double> scores;
  std::vector<int8_t> membership;
  std::vector<int64_t> families;

  PartedGroups parted(const Context& context = {}) const {
    return PartedGroups({scores, membership, families, 1, records, {}}, context);
  }
};

/// Pairs of models on complementary halves; score(rng, record, pair, is member).
template <class Score>
Made made_scores(size_t models, size_t records, const Score& score) {
  Made made{records, {}, {}, {}};
  std::vector<int8_t> split(records);
  Rng rng(5, 0);
  for (size_t m = 0; m < models; ++m) {
    made.families.push_back(static_cast<int64_t>(m / 2));
    for (size_t i = 0; i < records; ++i) {
      split[i] = m % 2 == 1 ? int8_t{1} - split[i] : rng.uniform() < 0.5;
      made.scores.push_back(score(rng, i, m / 2, split[i] == 1));
      made.membership.push_back(split[i]);
    }
  }
  return made;
}

/// Of a TPR at an FPR of independent normal scores, members' shifted: that of the share past the threshold, and what
/// the threshold's own adds by the curve's slope.
double variance_of_independent(double fpr, double shift, double members, double nonmembers) {
  const double threshold = -normal_quantile(fpr), tpr = normal_survival(threshold - shift);
  const double slope = std::exp(threshold * shift - shift * shift / 2);
  return tpr * (1 - tpr) / members + slope * slope * fpr * (1 - fpr) / nonmembers;
}

TEST(CrossedBootstrap, IsRightForIndependentScores) {
  const auto independent = [](Rng& rng, size_t, size_t, bool member) { return rng.normal() + member; };
  const auto rate = bootstrap_tpr_at_fpr(made_scores(40, 2000, independent).parted(), 0.05, {2000, 1}, {});
  ASSERT_TRUE(rate);
  const double expected = variance_of_independent(0.05, 1, 40'000, 40'000);
  EXPECT_NEAR(std::sqrt(rate->variance / expected), 1, 0.25);  // 20 families tell a deviation to within 16 %
  EXPECT_GT(rate->degrees, 18);
}

// So many scores that some records are looked at for all.
TEST(CrossedBootstrap, IsRightForVeryManyScores) {
  const auto independent = [](Rng& rng, size_t, size_t, bool member) { return rng.normal() + member; };
  const auto rate = bootstrap_tpr_at_fpr(made_scores(24, 250'000, independent).parted(), 0.01, {400, 1}, {});
  ASSERT_TRUE(rate);
  const double expected = variance_of_independent(0.01, 1, 3'000'000, 3'000'000);
  EXPECT_NEAR(std::sqrt(rate->variance / expected), 1, 0.4);
  EXPECT_NEAR(rate->rate, normal_survival(-normal_quantile(0.01) - 1), 0.001);
}

// What a record is shows under every model: 40 models tell of it hardly more than one.
TEST(CrossedBootstrap, SeesWhatRecordsShare) {
  std::vector<double> own(2000);
  Rng rng(6, 0);
  for (double& of_record : own) of_record = rng.normal();
  const auto alike = [&](Rng& noise, size_t i, size_t, bool member) { return own[i] + member + 0.01 * noise.normal(); };
  const auto rate = bootstrap_tpr_at_fpr(made_scores(40, 2000, alike).parted(), 0.05, {400, 1}, {});
  ASSERT_TRUE(rate);
  EXPECT_GT(rate->variance, 10 * variance_of_independent(0.05, 1, 40'000, 40'000));
}

/// Pair p's members gain 1, 1 + step or 1 + 2 step.
std::optional<CrossedRate> of_uneven_leaks(double step) {
  const auto uneven = [step](Rng& rng, size_t, size_t pair, bool member) {
    return rng.normal() + member * (1 + step * static_cast<double>(pair % 3));
  };
  return bootstrap_tpr_at_fpr(made_scores(40, 2000, uneven).parted(), 0.05, {400, 1}, {});
}

// Some models give away more than others.
TEST(CrossedBootstrap, SeesWhatModelsShare) {
  const auto some = of_uneven_leaks(0.1), none = of_uneven_leaks(0);
  ASSERT_TRUE(some && none);
  EXPECT_GT(some->variance, 1.3 * none->variance);
}

// What lies past the threshold is of a few families, or families differ far beyond chance: others drawn anew would move
// it further than these can.
TEST(CrossedBootstrap, LeavesModelsThatDifferMuch) {
  const auto few_above = [](Rng& rng, size_t, size_t pair, bool member) {
    return rng.normal() + member + (pair < 3 ? 3 : 0);
  };
  EXPECT_FALSE(bootstrap_tpr_at_fpr(made_scores(40, 2000, few_above).parted(), 0.05, {}, {}));
  EXPECT_FALSE(of_uneven_leaks(0.5));
}

// Coarse scores: half of the resamples would take in the level at the threshold, and half not.
TEST(CrossedBootstrap, LeavesTiesAtTheThreshold) {
  const auto rounded_to = [](double step) {
    return [step](Rng& rng, size_t, size_t, bool member) { return step * std::round((rng.normal() + member) / step); };
  };
  EXPECT_TRUE(bootstrap_tpr_at_fpr(made_scores(40, 2000, rounded_to(0.001)).parted(), 0.05, {}, {}));
  EXPECT_FALSE(bootstrap_tpr_at_fpr(made_scores(40, 2000, rounded_to(0.5)).parted(), 0.05, {}, {}));
}

TEST(CrossedBootstrap, DoesNotDependOnThreads) {
  const auto noise = [](Rng& rng, size_t, size_t, bool member) { return std::round(50 * (rng.normal() + member)); };
  const Made made = made_scores(16, 1000, noise);
  const auto one = bootstrap_tpr_at_fpr(made.parted({1}), 0.05, {400, 1}, {1});
  const auto three = bootstrap_tpr_at_fpr(made.parted({3}), 0.05, {400, 1}, {3});
  ASSERT_TRUE(one && three);
  EXPECT_EQ(one->variance, three->variance);
  EXPECT_EQ(one->degrees, three->degrees);
  EXPECT_NE(bootstrap_tpr_at_fpr(made.parted(), 0.05, {400, 2}, {})->variance, one->variance);
}

TEST(CrossedBootstrap, LeavesWhatTellsTooLittle) {
  const auto noise = [](Rng& rng, size_t, size_t, bool member) { return rng.normal() + member; };
  const auto is_made = [&](size_t models, size_t records, double fpr) {
    return bootstrap_tpr_at_fpr(made_scores(models, records, noise).parted(), fpr, {}, {}).has_value();
  };
  EXPECT_TRUE(is_made(8, 1000, 0.05));
  EXPECT_FALSE(is_made(6, 1000, 0.05));    // families
  EXPECT_FALSE(is_made(100, 10, 0.05));    // records
  EXPECT_FALSE(is_made(8, 1000, 0.0005));  // non-members past the threshold
  const auto parted = [](size_t, size_t, bool member) { return member ? 1.0 : 0.0; };
  const Made perfect =
      made_scores(8, 1000, [&](Rng&, size_t i, size_t pair, bool member) { return parted(i, pair, member); });
  EXPECT_FALSE(bootstrap_tpr_at_fpr(perfect.parted(), 0.05, {}, {}));
  EXPECT_THROW(bootstrap_tpr_at_fpr(perfect.parted(), 0.05, {100, 1}, {}), Error);
  // The interval is then that of order statistics.
  const double level = 0.95;
  const auto fallen_back = tpr_at_fpr_estimates(perfect.parted(), 0.05, std::span(&level, 1), {}, {});
  EXPECT_EQ(fallen_back.front().method, "grouped_order_statistics_clopper_pearson");
}

}  // namespace
}  // namespace miaudit
