#include "miaudit/audit/measure.h"

#include <gtest/gtest.h>

#include "tests/metric/simulated.h"

namespace miaudit {
namespace {

struct Methods {
  std::string auc;
  std::string tpr;
  std::string advantage;
  bool operator==(const Methods&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Methods& methods) {
  return out << methods.auc << ", " << methods.tpr << ", " << methods.advantage;
}

const Methods kAnalytic = {"delong_clopper_pearson", "order_statistics_clopper_pearson", "split_clopper_pearson_dkw"};

Methods methods_of(const Metrics& metrics) {
  return {metrics.auc.method, metrics.tpr_at_fpr.front().tpr.method, metrics.advantage.method};
}

// Half of `records` are members.
Methods methods(size_t records, double shift, double fpr, double level, uint32_t bootstrap, double worth = 1) {
  const Scored data = simulated(records, shift, 41);
  return methods_of(
      measure({data.scores, data.membership, {}, worth}, {.fprs = {fpr}, .level = level, .bootstrap = bootstrap}, {}));
}

TEST(Bootstrap, TakesOverWhereItCovers) {
  Methods expected = kAnalytic;
  EXPECT_EQ(methods(200, 1, 0.05, 0.95, 0), expected);
  expected.tpr = expected.auc = "bca_bootstrap";
  EXPECT_EQ(methods(200, 1, 0.05, 0.95, 200), expected) << "all but the advantage, whose maximum is biased";
}

TEST(Bootstrap, LeavesATprWithFewNonmembersPastTheThresholdAlone) {
  EXPECT_EQ(methods(200, 1, 0.04, 0.95, 200).tpr, kAnalytic.tpr);
}

TEST(Bootstrap, LeavesAnAucWithFewPairsOutOfOrderAlone) {
  EXPECT_EQ(methods(200, 3.5, 0.05, 0.95, 200).auc, kAnalytic.auc);
  EXPECT_EQ(methods(200, -3.5, 0.05, 0.95, 200).auc, kAnalytic.auc);
  EXPECT_EQ(methods(2000, 2, 0.05, 0.95, 200).auc, "bca_bootstrap");
}

TEST(Bootstrap, LeavesALevelForWhichReplicatesAreTooFewAlone) {
  EXPECT_EQ(methods(200, 1, 0.05, 0.99, 999), kAnalytic);
  EXPECT_EQ(methods(200, 1, 0.05, 0.99, 1000).auc, "bca_bootstrap");
  const Scored data = simulated(200, 1, 41);
  const CorrectedMetrics both =
      measure_corrected({data.scores, data.membership, {}, 1}, {.fprs = {0.05}, .bootstrap = 1000}, 12, {});
  EXPECT_EQ(both.single.auc.method, "bca_bootstrap");
  EXPECT_EQ(methods_of(both.corrected), kAnalytic) << "twelve attacks at once need 2 400";
}

TEST(Bootstrap, LeavesScoresThatErrTogetherAlone) {
  EXPECT_EQ(methods(200, 1, 0.05, 0.95, 200, 0.5), kAnalytic);
}

}  // namespace
}  // namespace miaudit
