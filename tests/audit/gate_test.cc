#include "miaudit/audit/gate.h"

#include <gtest/gtest.h>

#include "miaudit/base/error.h"

namespace miaudit {
namespace {

AuditResult with_loss(double low, double high) {
  AuditResult result;
  AttackResult attack;
  attack.name = "loss";
  attack.estimates.auc = {(low + high) / 2, low, high, 0.95, "made"};
  attack.estimates.tpr_at_fpr.push_back({0.001, {{}, low, high, 0.95, "made"}, {}, {}});
  result.attacks.push_back(attack);
  result.skipped.push_back({"margin", "needs labels"});
  return result;
}

bool fails(Gate::Kind kind, const std::string& text, const AuditResult& result) {
  return judge(parse_gate(kind, text), result).failed;
}

TEST(Gate, FailIfNeedsTheWholeIntervalPastTheLimit) {
  const AuditResult result = with_loss(0.6, 0.7);
  EXPECT_TRUE(fails(Gate::Kind::fail_if, "loss.auc > 0.59", result));
  EXPECT_FALSE(fails(Gate::Kind::fail_if, "loss.auc > 0.65", result));
  EXPECT_FALSE(fails(Gate::Kind::fail_if, "loss.auc > 0.75", result));
  EXPECT_TRUE(fails(Gate::Kind::fail_if, "loss.auc>=0.6", result));
  EXPECT_FALSE(fails(Gate::Kind::fail_if, "loss.auc > 0.6", result));
}

TEST(Gate, FailUnlessNeedsTheWholeIntervalInside) {
  const AuditResult result = with_loss(0.6, 0.7);
  EXPECT_FALSE(fails(Gate::Kind::fail_unless, "loss.auc < 0.71", result));
  EXPECT_TRUE(fails(Gate::Kind::fail_unless, "loss.auc < 0.65", result));
  EXPECT_TRUE(fails(Gate::Kind::fail_unless, "loss.auc <= 0.5", result));
}

TEST(Gate, JudgesBoundsWhereThereIsNoEstimate) {
  const AuditResult result = with_loss(0, 0.2);
  EXPECT_FALSE(fails(Gate::Kind::fail_unless, "loss.tpr@0.001 < 0.3", result));
  EXPECT_TRUE(fails(Gate::Kind::fail_unless, "loss.tpr@1e-3 < 0.1", result));
}

TEST(Gate, WithoutAnIntervalNothingIsShown) {
  AuditResult result = with_loss(0.6, 0.7);
  result.attacks[0].estimates.auc.low.reset();
  EXPECT_FALSE(fails(Gate::Kind::fail_if, "loss.auc > 0.1", result));
  EXPECT_TRUE(fails(Gate::Kind::fail_unless, "loss.auc < 0.9", result));
}

TEST(Gate, OneThatCannotBeJudgedIsAnError) {
  const AuditResult result = with_loss(0.6, 0.7);
  EXPECT_THROW(fails(Gate::Kind::fail_if, "margin.auc > 0.6", result), Error) << "left out";
  EXPECT_THROW(fails(Gate::Kind::fail_if, "entropy.auc > 0.6", result), Error) << "not run";
  EXPECT_THROW(fails(Gate::Kind::fail_if, "headline.auc > 0.6", result), Error) << "no headline";
  EXPECT_THROW(fails(Gate::Kind::fail_if, "loss.tpr@0.01 > 0.6", result), Error) << "another FPR";
}

TEST(Gate, RefusesWhatItCannotRead) {
  for (const char* text :
       {"", "loss", "loss.auc", "loss.auc > x", "loss.auc = 0.5", "loss.tpr > 0.5", "loss.auc@0.1 > 0.5",
        "loss.tpr@2 > 0.5", "losss.auc > 0.5", "loss.aux > 0.5", "loss.auc > nan", "loss.auc > 0.5 x"})
    EXPECT_THROW(parse_gate(Gate::Kind::fail_if, text), Error) << text;
}

}  // namespace
}  // namespace miaudit
