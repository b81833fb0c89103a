// Too few reference models, as a whole or for a record: a named outcome for every attack.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/contract/audited.h"

namespace miaudit {
namespace {

TEST(ThinEvidence, OfOneReferenceLeavesVariancesOut) {
  Models models = made_models({.models = 3, .records = 500, .leak = 2, .design = Design::bernoulli});
  models.models.pop_back();
  models.families.pop_back();
  const Audited done = audited(models, {0});
  EXPECT_EQ(done.result.attacks.size() + done.result.skipped.size(), reference_attacks().size());
  EXPECT_TRUE(reasons(done.result).contains("lira"));
  EXPECT_TRUE(done.scores.contains("shokri"));
  EXPECT_TRUE(done.scores.contains("ml_leaks"));
  for (const AttackResult& attack : done.result.attacks)
    for (const double score : done.scores.at(attack.name)) EXPECT_FALSE(std::isinf(score)) << attack.name;
}

TEST(ThinEvidence, OfOneModelWithoutTheRecordsServesTheOfflineAttacks) {
  Models models = made_models({.models = 2, .records = 500, .leak = 2, .design = Design::bernoulli});
  models.models[1].membership.assign(500, 0);
  const Audited done = audited(models, {0});
  for (const char* name : {"rmia_offline", "base_offline", "reference", "calibrated_loss"})
    EXPECT_TRUE(done.scores.contains(name)) << name;
  EXPECT_NE(reasons(done.result)["lira_offline"].find("2 reference models a side"), std::string::npos);
  EXPECT_NE(reasons(done.result)["shokri"].find("left out by others"), std::string::npos);
}

// Scarce IN models must not cost a record the OUT models that it has.
TEST(ThinEvidence, OfScarceInModelsLeavesTheOutModels) {
  const Models models = made_models({.models = 11, .records = 3000, .leak = 2, .design = Design::rare});
  const Audited done = audited(models, {0});
  EXPECT_GE(done.result.subject.references_out, 6u);
  EXPECT_EQ(done.result.subject.references_in, 1u);
  for (const AttackResult& attack : done.result.attacks)
    if (attack.name == "lira_offline") {
      EXPECT_LT(attack.unscored, 60u);
    }
}

// Three models on one split and three on its complement: each tells the target's membership.
TEST(ThinEvidence, OfModelsOfTheTargetsOwnFamilyIsNone) {
  Models models = made_models({.models = 6, .records = 500, .leak = 2});
  std::ranges::fill(models.families, 0);
  AuditPlan plan;
  plan.attacks = {"loss", "lira", "stacked", "shokri"};
  const Audited done = audited(models, {0}, plan);
  EXPECT_EQ(done.scores.size(), 1u);
  for (const char* name : {"lira", "stacked", "shokri"})
    EXPECT_NE(reasons(done.result)[name].find("of other splits"), std::string::npos) << name;
}

// One record that breaks the pairs' rule costs itself, not the attacks.
TEST(ThinEvidence, OfOneRecordInBothOfAPairLeavesThePair) {
  for (const int8_t side : {int8_t{0}, int8_t{1}}) {
    Models models = made_models({.models = 4, .records = 600, .leak = 2});
    const size_t before = audited(models, {0}).result.attacks.size();
    for (AuditedModel& model : models.models) model.membership[0] = side;
    const Audited done = audited(models, {0});
    EXPECT_EQ(done.result.attacks.size(), before);
    EXPECT_TRUE(done.scores.contains("base"));
  }
}

// What one target lacks must not cost the others their figures, nor be kept quiet.
TEST(ThinEvidence, OfOneTargetLeavesItUnscored) {
  Models models = made_models({.models = 6, .records = 500, .leak = 2, .design = Design::bernoulli});
  models.models[0].membership.assign(500, 1);
  models.models[0].membership[17] = 0;
  AuditPlan plan;
  plan.attacks = {"population", "class_threshold", "base"};
  const Audited done = audited(models, {0, 2, 4}, plan);
  ASSERT_EQ(done.result.attacks.size(), 3u);
  for (const AttackResult& attack : done.result.attacks) {
    const bool is_calibrated = attack.name != "base";
    EXPECT_EQ(attack.unscored >= 500, is_calibrated) << attack.name;
    EXPECT_EQ(std::isnan(done.scores.at(attack.name)[0]), is_calibrated) << attack.name;
    EXPECT_FALSE(is_calibrated && attack.targets[0].auc.value) << attack.name;
    EXPECT_TRUE(attack.targets[1].auc.value.has_value()) << attack.name;
  }
  const auto told = std::ranges::find(done.result.warnings, "target_unscored", &Notice::code);
  ASSERT_NE(told, done.result.warnings.end());
  EXPECT_NE(told->message.find("class_threshold, population: no scores against model 0"), std::string::npos)
      << told->message;
}

TEST(ThinEvidence, WithoutInModelsLeavesTheOfflineAttacks) {
  Models models = made_models({.models = 6, .records = 500, .leak = 2});
  for (size_t m = 1; m < 6; ++m) models.models[m].membership.assign(500, 0);
  const Audited done = audited(models, {0});
  for (const char* name : {"lira", "rmia", "base", "malt", "bavaria_n", "pmia"})
    EXPECT_NE(reasons(done.result)[name].find("trained on the records"), std::string::npos) << name;
  for (const char* name : {"lira_offline", "rmia_offline", "base_offline", "reference", "calibrated_loss"})
    EXPECT_TRUE(done.scores.contains(name)) << name;
}

TEST(ThinEvidence, WithoutOutModelsRunsNothing) {
  Models models = made_models({.models = 6, .records = 500, .leak = 2});
  for (size_t m = 1; m < 6; ++m) models.models[m].membership.assign(500, 1);
  EXPECT_THROW(audited(models, {0}), Error);
}

// Recorded defect 8: zeros in the place of models that a record has not.
TEST(ThinEvidence, OfARecordNeverOutIsNotPaddedButCounted) {
  Models models = made_models({.models = 9, .records = 1000, .leak = 2});
  for (size_t m = 0; m < 8; ++m) models.models[m].membership[7] = 1;
  const Audited done = audited(models, {8});
  for (const AttackResult& attack : done.result.attacks) {
    const bool needs_out = find_attack(attack.name).does_need(Need::references_out);
    EXPECT_EQ(std::isnan(done.scores.at(attack.name)[7]), needs_out) << attack.name;
    EXPECT_EQ(attack.unscored, needs_out ? 1u : 0u) << attack.name;
  }
}

TEST(ThinEvidence, OfARecordNeverInIsNotPaddedButCounted) {
  Models models = made_models({.models = 9, .records = 1000, .leak = 2});
  for (size_t m = 0; m < 8; ++m) models.models[m].membership[7] = 0;
  const Audited done = audited(models, {8});
  for (const AttackResult& attack : done.result.attacks) {
    // pmia lets other records' values as members stand in.
    const bool needs_in = attack.name != "pmia" && find_attack(attack.name).does_need(Need::references_in);
    if (attack.name == "shokri" || attack.name == "ml_leaks") continue;  // score by outputs alone
    EXPECT_EQ(std::isnan(done.scores.at(attack.name)[7]), needs_in) << attack.name;
    EXPECT_EQ(attack.unscored, needs_in ? 1u : 0u) << attack.name;
  }
  EXPECT_TRUE(std::ranges::any_of(done.result.warnings, [](const Notice& w) { return w.code == "unscored_records"; }));
}

}  // namespace
}  // namespace miaudit
