// How often does a whole audit cry leak where nothing leaks?
#include <gtest/gtest.h>

#include "miaudit/audit/audit.h"
#include "tests/made_records.h"

namespace miaudit {
namespace {

TEST(NoiseAudit, FindsALeakNoMoreOftenThanItsLevelAllows) {
  constexpr int kAudits = 300;
  constexpr double kAllowed = 0.05;
  int leaks = 0;
  for (uint64_t seed = 0; seed < kAudits; ++seed) {
    AuditPlan plan;
    plan.measure.seed = seed;
    const Records records = testing_records::made_records({.records = 500, .classes = 4, .seed = 1000 + seed});
    leaks += audit(records, plan, {}).finding == Finding::leak;
  }
  // Four deviations of a binomial count above what the level allows.
  EXPECT_LE(leaks, kAudits * kAllowed + 4 * std::sqrt(kAudits * kAllowed * (1 - kAllowed)));
  RecordProperty("leaks", leaks);
}

}  // namespace
}  // namespace miaudit
