// Do the intervals of --bootstrap hold the truth as often as they say, and is it right where they leave the analytic
// ones alone?
#include <fmt/format.h>

#include <cmath>
#include <string>
#include <vector>

#include "miaudit/audit/measure.h"
#include "miaudit/base/rng.h"
#include "miaudit/math/distributions.h"
#include "miaudit/metric/interval.h"
#include "tests/statistical/coverage.h"

namespace miaudit {
namespace {

struct Size {
  size_t members;
  size_t nonmembers;
  int trials;
};

/// Normal scores, members' shifted up.
struct Binormal {
  std::vector<double> scores;
  std::vector<int8_t> membership;

  Binormal(Size size, double shift, int trial) {
    Rng rng(33, static_cast<uint64_t>(trial));
    for (size_t i = 0; i < size.members + size.nonmembers; ++i) {
      membership.push_back(i < size.members);
      scores.push_back(rng.normal() + shift * membership.back());
    }
  }
};

double shift_of(double auc) {
  return std::sqrt(2.0) * normal_quantile(auc);
}
double tpr_of(double shift, double fpr) {
  return normal_survival(-normal_quantile(fpr) - shift);
}

double auc_of(const SortedScores& sorted) {
  return auc_moments(sorted, {}).auc;
}

class Bca : public testing::TestWithParam<double> {};

TEST_P(Bca, AucIsCovered) {
  const double auc = GetParam();
  for (const Size size : {Size{100, 100, 1500}, Size{500, 500, 600}}) {
    Coverage coverage(fmt::format("BCa, AUC {}, {} + {}", auc, size.members, size.nonmembers));
    for (int trial = 0; trial < size.trials; ++trial) {
      const Binormal drawn(size, shift_of(auc), trial);
      coverage.add(bca_estimate(sort_scores(drawn.scores, drawn.membership, {}), auc_of, 0.95, 500,
                                static_cast<uint64_t>(trial), {}),
                   auc);
    }
    coverage.expect_at_least(0.94);
  }
}

INSTANTIATE_TEST_SUITE_P(Auc, Bca, testing::Values(0.5, 0.8, 0.96));

class Bootstrap : public testing::TestWithParam<double> {};

// What measure() makes of --bootstrap: at these sizes and FPRs it now takes BCa and now leaves the analytic interval.
TEST_P(Bootstrap, AucTprAndAdvantageAreCovered) {
  const double auc = GetParam();
  const double shift = shift_of(auc);
  for (const Size size : {Size{25, 25, 1000}, Size{100, 100, 500}, Size{20, 180, 500}, Size{100, 900, 200}}) {
    const double fpr = 5 / static_cast<double>(size.nonmembers);
    const std::string name = fmt::format("AUC {}, {} + {}", auc, size.members, size.nonmembers);
    Coverage of_auc(name);
    Coverage of_tpr(name + fmt::format(", TPR at {:.2g} %", 100 * fpr));
    Coverage of_advantage(name + ", advantage");
    for (int trial = 0; trial < size.trials; ++trial) {
      const Binormal drawn(size, shift, trial);
      const Metrics metrics = measure({drawn.scores, drawn.membership, {}},
                                      {.fprs = {fpr}, .bootstrap = 500, .seed = static_cast<uint64_t>(trial)}, {});
      of_auc.add(metrics.auc, auc);
      of_tpr.add(metrics.tpr_at_fpr.front().tpr, tpr_of(shift, fpr));
      of_advantage.add(metrics.advantage, 1 - 2 * normal_survival(shift / 2));
    }
    of_auc.expect_at_least(0.94);
    of_tpr.expect_at_least(0.94);
    of_advantage.expect_at_least(0.94);
  }
}

INSTANTIATE_TEST_SUITE_P(Auc, Bootstrap, testing::Values(0.5, 0.8, 0.96, 0.998));

// Should one of these ever hold, measure() need not avoid it any longer.
class BootstrapAvoided : public testing::Test {
 protected:
  template <class Statistic>
  static void expect_below(double most, const std::string& name, Size size, double auc, double truth, double level,
                           uint32_t replicates, const Statistic& statistic) {
    Coverage coverage(fmt::format("{}, AUC {}, {} + {}", name, auc, size.members, size.nonmembers));
    for (int trial = 0; trial < size.trials; ++trial) {
      const Binormal drawn(size, shift_of(auc), trial);
      coverage.add(bca_estimate(sort_scores(drawn.scores, drawn.membership, {}), statistic, level, replicates,
                                static_cast<uint64_t>(trial), {}),
                   truth);
    }
    coverage.print();
    EXPECT_LT(coverage.share(), most) << name;
  }
};

TEST_F(BootstrapAvoided, AdvantageOfNoise) {
  const auto advantage = [](const SortedScores& sorted) {
    const RocPoint best = best_advantage(sorted);
    return static_cast<double>(best.true_positives) / static_cast<double>(sorted.members.size()) -
           static_cast<double>(best.false_positives) / static_cast<double>(sorted.nonmembers.size());
  };
  expect_below(0.5, "advantage", {100, 100, 400}, 0.5, 0, 0.95, 500, advantage);
  expect_below(0.3, "advantage", {500, 500, 100}, 0.5, 0, 0.95, 500, advantage);
}

TEST_F(BootstrapAvoided, TprWithOneNonmemberPastTheThreshold) {
  for (const auto& [fpr, size] : {std::pair{0.01, Size{100, 100, 400}}, {0.001, Size{1000, 1000, 100}}}) {
    const auto tpr = [fpr](const SortedScores& sorted) {
      return static_cast<double>(point_at_fpr(sorted, fpr).true_positives) / static_cast<double>(sorted.members.size());
    };
    for (const double auc : {0.8, 0.96})
      expect_below(0.93, fmt::format("TPR at {} %", 100 * fpr), size, auc, tpr_of(shift_of(auc), fpr), 0.95, 500, tpr);
  }
}

TEST_F(BootstrapAvoided, AucWithFewPairsOutOfOrder) {
  expect_below(0.93, "AUC", {20, 180, 1000}, 0.96, 0.96, 0.95, 500, auc_of);
  expect_below(0.93, "AUC", {20, 180, 1000}, 0.8, 0.8, 0.95, 500, auc_of);
}

TEST_F(BootstrapAvoided, AHighLevelFromFewReplicates) {
  // The level of twelve attacks at once; 200 replicates have half a one in each tail.
  const double level = 1 - 0.05 / 12;
  expect_below(level - 0.015, "AUC at level .9958", {100, 100, 2000}, 0.96, 0.96, level, 200, auc_of);
}

}  // namespace
}  // namespace miaudit
