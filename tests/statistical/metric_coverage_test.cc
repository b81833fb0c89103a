// Do the intervals of one score hold the truth as often as they say?
#include <algorithm>
#include <functional>
#include <vector>

#include "miaudit/base/rng.h"
#include "miaudit/math/distributions.h"
#include "miaudit/math/sort.h"
#include "miaudit/metric/interval.h"
#include "tests/statistical/coverage.h"

namespace miaudit {
namespace {

using Draw = std::function<double(Rng&)>;

struct Size {
  size_t members;
  size_t nonmembers;
  int trials;
};

SortedScores simulate(const Draw& member, const Draw& nonmember, Size size, Rng& rng) {
  SortedScores sorted;
  sorted.members.resize(size.members);
  sorted.nonmembers.resize(size.nonmembers);
  for (double& score : sorted.members) score = member(rng);
  for (double& score : sorted.nonmembers) score = nonmember(rng);
  radix_sort(sorted.members);
  radix_sort(sorted.nonmembers);
  return sorted;
}

std::string label(const std::string& what, double auc, Size size) {
  char text[100];
  std::snprintf(text, sizeof text, "%s, AUC %.3f, %zu + %zu", what.c_str(), auc, size.members, size.nonmembers);
  return text;
}

class Binormal : public testing::TestWithParam<double> {};

TEST_P(Binormal, AucTprAndAdvantageAreCovered) {
  const double auc = GetParam();
  const double shift = std::sqrt(2.0) * normal_quantile(auc);
  const Draw member = [shift](Rng& rng) { return rng.normal() + shift; };
  const Draw nonmember = [](Rng& rng) { return rng.normal(); };
  const auto true_tpr = [shift](double fpr) { return normal_survival(-normal_quantile(fpr) - shift); };
  const double true_advantage = 1 - 2 * normal_survival(shift / 2);
  const Size sizes[] = {{25, 25, 10000}, {100, 100, 6000}, {500, 500, 4000},
                        {45, 5, 10000},  {950, 50, 4000},  {12500, 12500, 1000}};
  for (const Size size : sizes) {
    Coverage of_auc(label("AUC", auc, size));
    Coverage of_tpr_1(label("TPR at 1 %", auc, size));
    Coverage of_tpr_01(label("TPR at .1 %", auc, size));
    Coverage of_advantage(label("advantage", auc, size));
    for (int trial = 0; trial < size.trials; ++trial) {
      Rng rng(20, static_cast<uint64_t>(trial));
      const SortedScores sorted = simulate(member, nonmember, size, rng);
      of_auc.add(auc_estimate(sorted, 0.95, {}), auc);
      of_tpr_1.add(tpr_at_fpr_estimate(sorted, 0.01, 0.95), true_tpr(0.01));
      of_tpr_01.add(tpr_at_fpr_estimate(sorted, 0.001, 0.95), true_tpr(0.001));
      of_advantage.add(advantage_estimate(sorted, 0.95, static_cast<uint64_t>(trial)), true_advantage);
    }
    of_auc.expect_at_least(0.94);
    of_tpr_1.expect_at_least(0.94);
    of_tpr_01.expect_at_least(0.94);
    of_advantage.expect_at_least(0.94);
    // Pure noise: a leak is claimed in at most half of the 5 %.
    if (auc == 0.5) {
      EXPECT_LE(of_advantage.low_misses(), 0.025);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Auc, Binormal, testing::Values(0.5, 0.8, 0.96, 0.998));

TEST(Width, AucIsLittleWiderThanDeLongWhereThatHolds) {
  for (const double auc : {0.5, 0.8, 0.96}) {
    const double shift = std::sqrt(2.0) * normal_quantile(auc);
    double ratio = 0;
    const int trials = 50;
    for (int trial = 0; trial < trials; ++trial) {
      Rng rng(21, static_cast<uint64_t>(trial));
      const SortedScores sorted = simulate([shift](Rng& r) { return r.normal() + shift; },
                                           [](Rng& r) { return r.normal(); }, {2500, 2500, 0}, rng);
      const Estimate estimate = auc_estimate(sorted, 0.95, {});
      ratio += (*estimate.high - *estimate.low) / (2 * 1.96 * std::sqrt(auc_moments(sorted, {}).variance)) / trials;
    }
    EXPECT_LT(ratio, 1.05) << "AUC " << auc;
    EXPECT_GT(ratio, 0.99) << "AUC " << auc;
  }
}

TEST(Skewed, AucIsCovered) {
  for (const double auc : {0.8, 0.96, 0.998})
    for (const Size size : {Size{25, 25, 10000}, Size{5, 45, 10000}, Size{50, 950, 4000}, Size{500, 500, 4000}}) {
      const double mean = auc / (1 - auc);
      Coverage coverage(label("exponential", auc, size));
      for (int trial = 0; trial < size.trials; ++trial) {
        Rng rng(22, static_cast<uint64_t>(trial));
        coverage.add(auc_estimate(simulate([mean](Rng& r) { return -mean * std::log(1 - r.uniform()); },
                                           [](Rng& r) { return -std::log(1 - r.uniform()); }, size, rng),
                                  0.95, {}),
                     auc);
      }
      coverage.expect_at_least(0.94);
    }
}

// Normal scores in steps: the truth counts ties one half in the AUC, and enters ties whole in the TPR.
TEST(Discretised, AucAndTprAreCovered) {
  const double step = 0.8;
  for (const double shift : {0.0, 1.2, 2.5}) {
    double auc = 0;
    double tpr = 0;
    double advantage = 0;
    for (int k = -20; k <= 20; ++k) {
      const double at = k * step;
      const double members_above = normal_survival(at + step - shift);
      const double members_here = normal_survival(at - shift) - members_above;
      auc += (normal_survival(at) - normal_survival(at + step)) * (members_above + members_here / 2);
      if (normal_survival(at) <= 0.01) tpr = std::max(tpr, normal_survival(at - shift));
      advantage = std::max(advantage, normal_survival(at - shift) - normal_survival(at));
    }
    for (const Size size : {Size{25, 25, 10000}, Size{500, 500, 4000}, Size{45, 5, 10000}}) {
      Coverage of_auc(label("discretised AUC", auc, size));
      Coverage of_tpr(label("discretised TPR at 1 %", auc, size));
      Coverage of_advantage(label("discretised advantage", auc, size));
      for (int trial = 0; trial < size.trials; ++trial) {
        Rng rng(23, static_cast<uint64_t>(trial));
        const SortedScores sorted = simulate([&](Rng& r) { return std::floor((r.normal() + shift) / step); },
                                             [&](Rng& r) { return std::floor(r.normal() / step); }, size, rng);
        of_auc.add(auc_estimate(sorted, 0.95, {}), auc);
        of_tpr.add(tpr_at_fpr_estimate(sorted, 0.01, 0.95), tpr);
        of_advantage.add(advantage_estimate(sorted, 0.95, static_cast<uint64_t>(trial)), advantage);
      }
      of_auc.expect_at_least(0.94);
      of_tpr.expect_at_least(0.94);
      of_advantage.expect_at_least(0.94);
    }
  }
}

// The gap attack: a model right on nearly all members and most non-members leaves almost every pair tied.
TEST(TwoLevels, AucIsCovered) {
  struct Accuracy {
    double members;
    double nonmembers;
  };
  for (const Accuracy accuracy :
       {Accuracy{0.5, 0.5}, {0.9, 0.8}, {0.99, 0.96}, {0.995, 0.98}, {1, 0.9}, {1, 0.99}, {1, 0.5}})
    for (const Size size :
         {Size{25, 25, 10000}, Size{100, 100, 6000}, Size{500, 500, 4000}, Size{950, 50, 4000}, Size{50, 950, 4000}}) {
      const double auc = 0.5 + (accuracy.members - accuracy.nonmembers) / 2;
      Coverage coverage(label("two levels", auc, size));
      for (int trial = 0; trial < size.trials; ++trial) {
        Rng rng(24, static_cast<uint64_t>(trial));
        coverage.add(
            auc_estimate(simulate([&](Rng& r) { return double(r.uniform() < accuracy.members); },
                                  [&](Rng& r) { return double(r.uniform() < accuracy.nonmembers); }, size, rng),
                         0.95, {}),
            auc);
      }
      coverage.expect_at_least(0.94);
    }
}

}  // namespace
}  // namespace miaudit
