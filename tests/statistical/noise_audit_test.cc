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
  // The intervals are conservative and the correction for the number of attacks more so: the level itself is kept, with
  // no allowance for chance.
  EXPECT_LE(leaks, kAudits * kAllowed);
  RecordProperty("leaks", leaks);
}

}  // namespace
}  // namespace miaudit
