// What fewer reference models would have found.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/contract/audited.h"

namespace miaudit {
namespace {

const BudgetFigures* figures_of(const BudgetPoint& point, std::string_view attack) {
  const auto found = std::ranges::find(point.attacks, attack, &BudgetFigures::attack);
  return found == point.attacks.end() ? nullptr : &*found;
}

TEST(BudgetCurve, TellsWhatFewerReferencesFind) {
  AuditPlan plan;
  plan.curve = true;
  const Models models = made_models({.models = 18, .records = 2000, .leak = 1});
  for (const std::vector<size_t>& targets : {std::vector<size_t>{0}, std::vector<size_t>{0, 1, 5, 8}}) {
    const Audited done = audited(models, targets, plan, 2);
    const std::vector<BudgetPoint>& curve = done.result.budget_curve;
    ASSERT_EQ(curve.size(), 4u);
    for (size_t k = 0; k < curve.size(); ++k) EXPECT_EQ(curve[k].references, size_t{2} << k);
    EXPECT_EQ(figures_of(curve[0], "stacked"), nullptr);
    for (const BudgetPoint& point : curve)
      for (const BudgetFigures& figures : point.attacks) {
        EXPECT_EQ(figures.tpr.size(), plan.measure.fprs.size());
        EXPECT_EQ(figures.targets.size(), targets.size() == 1 ? 0 : targets.size());
      }
    for (const AttackResult& attack : done.result.attacks) {
      if (!find_attack(attack.name).needs_references()) continue;
      const BudgetFigures* last = figures_of(curve.back(), attack.name);
      ASSERT_NE(last, nullptr) << attack.name;
      EXPECT_EQ(last->auc.value, attack.estimates.auc.value);
    }
    EXPECT_GT(*figures_of(curve[3], "bavaria_n")->auc.low, *figures_of(curve[0], "bavaria_n")->auc.value);
  }
}

// A point is the audit that these models alone would have given.
TEST(BudgetCurve, IsWhatAnAuditOfFewerModelsFinds) {
  AuditPlan plan;
  plan.curve = true;
  const Models models = made_models({.models = 10, .records = 2000, .leak = 1});
  const Audited done = audited(models, {0}, plan);
  std::vector<double> found;
  for (size_t left_out = 1; left_out < 5; ++left_out)
    for (size_t other = left_out + 1; other < 5; ++other) {
      Models fewer = models;
      for (const size_t pair : {other, left_out}) {
        fewer.models.erase(fewer.models.begin() + 2 * static_cast<ptrdiff_t>(pair),
                           fewer.models.begin() + 2 * static_cast<ptrdiff_t>(pair) + 2);
        fewer.families.erase(fewer.families.begin() + 2 * static_cast<ptrdiff_t>(pair),
                             fewer.families.begin() + 2 * static_cast<ptrdiff_t>(pair) + 2);
      }
      AuditPlan own;
      own.attacks = {"lira"};
      found.push_back(*audited(fewer, {0}, own).result.attacks[0].estimates.auc.value);
    }
  EXPECT_EQ(std::ranges::count(found, *figures_of(done.result.budget_curve[1], "lira")->auc.value), 1);
}

TEST(BudgetCurve, IsTheSameInAnyOrderOfModelsAndOnAnyNumberOfThreads) {
  AuditPlan plan;
  plan.curve = true;
  plan.attacks = {"lira", "stacked"};
  Models models = made_models({.models = 10, .records = 1000, .leak = 1});
  const AuditResult first = audited(models, {0}, plan).result;
  std::rotate(models.models.begin() + 2, models.models.begin() + 4, models.models.end());
  std::rotate(models.families.begin() + 2, models.families.begin() + 4, models.families.end());
  const AuditResult second = audited(models, {0}, plan, 3).result;
  for (size_t k = 0; k < first.budget_curve.size(); ++k)
    for (size_t a = 0; a < first.budget_curve[k].attacks.size(); ++a)
      EXPECT_EQ(first.budget_curve[k].attacks[a].auc.value, second.budget_curve[k].attacks[a].auc.value);
}

TEST(BudgetCurve, HasEveryPointWhereAModelIsMissing) {
  AuditPlan plan;
  plan.curve = true;
  plan.attacks = {"lira"};
  for (const size_t missing : {3, 11}) {
    Models models = made_models({.models = 18, .records = 500, .leak = 1});
    models.models.erase(models.models.begin() + static_cast<ptrdiff_t>(missing));
    models.families.erase(models.families.begin() + static_cast<ptrdiff_t>(missing));
    for (plan.measure.seed = 0; plan.measure.seed < 4; ++plan.measure.seed)
      for (const std::vector<size_t>& targets : {std::vector<size_t>{0}, std::vector<size_t>{0, 1, 2, 3, 12}}) {
        std::vector<size_t> budgets;
        for (const BudgetPoint& point : audited(models, targets, plan, 2).result.budget_curve)
          budgets.push_back(point.references);
        ASSERT_GE(budgets.size(), 3u);
        EXPECT_EQ(std::vector<size_t>(budgets.begin(), budgets.begin() + 3), (std::vector<size_t>{2, 4, 8}));
      }
  }
}

// With few models of independent splits many records lack one that learnt them: as the headline of an audit, that of a
// point must speak of about as many as any other that is chosen beforehand.
TEST(BudgetCurve, NamesTheHeadlineOfAnAuditWithSoMany) {
  AuditPlan plan;
  plan.curve = true;
  plan.attacks = {"base", "rmia_offline", "lira"};
  const Models models = made_models({.models = 12, .records = 2000, .leak = 1, .design = Design::bernoulli});
  const AuditResult result = audited(models, {0}, plan).result;
  std::vector<std::string> headlines;
  for (const BudgetPoint& point : result.budget_curve) {
    headlines.push_back(point.headline);
    const BudgetFigures *on = figures_of(point, "base"), *off = figures_of(point, "rmia_offline");
    ASSERT_TRUE(on && off);
    EXPECT_EQ(
        static_cast<double>(on->members + on->nonmembers) >= 0.9 * static_cast<double>(off->members + off->nonmembers),
        point.headline == "base");
  }
  EXPECT_EQ(headlines.front(), "rmia_offline");
  EXPECT_EQ(headlines.back(), result.headline->auc.attack);
  EXPECT_TRUE(std::ranges::find(headlines, "base") != headlines.end());
}

TEST(BudgetCurve, NeedsAttacksThatUseReferences) {
  AuditPlan plan;
  plan.curve = true;
  plan.attacks = {"loss"};
  EXPECT_THROW(audited(made_models({.models = 8, .leak = 1}), {0}, plan), Error);
}

}  // namespace
}  // namespace miaudit
