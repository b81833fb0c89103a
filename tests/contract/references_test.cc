// What every attack with reference models must keep, whatever it computes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "miaudit/audit/audit.h"
#include "miaudit/audit/balance.h"
#include "miaudit/audit/model_signals.h"
#include "tests/made_models.h"

namespace miaudit {
namespace {

using testing_models::Design;
using testing_models::Made;
using testing_models::made_models;

std::vector<std::string> reference_attacks() {
  std::vector<std::string> names;
  for (const AttackRow& row : attack_table())
    if (row.needs_references()) names.emplace_back(row.name);
  return names;
}

/// Those whose score is a formula, of which much can be asked.
std::vector<std::string> formulas() {
  std::vector<std::string> names = reference_attacks();
  std::erase_if(names, [](const std::string& name) { return find_attack(name).learns(); });
  return names;
}

struct Audited {
  AuditResult result;
  std::map<std::string, std::vector<double>> scores;
};

Audited audited(const Models& models, std::vector<size_t> targets, AuditPlan plan = {}, int threads = 1) {
  if (plan.attacks.front() == "all") plan.attacks = reference_attacks();
  for (const char* name : {"stacked", "stacked_offline"}) plan.parameters[name].try_emplace("trees", "10");
  Audited done;
  Context context;
  context.threads = threads;
  done.result = audit(models, targets, {}, plan, context, [&](const std::string& name, std::span<const double> scores) {
    done.scores[name].assign(scores.begin(), scores.end());
  });
  return done;
}

TEST(EveryReferenceAttack, FindsAPlantedLeak) {
  const Audited done = audited(made_models({.models = 9, .leak = 3}), {8});
  EXPECT_EQ(done.result.attacks.size(), reference_attacks().size());
  for (const AttackResult& attack : done.result.attacks) EXPECT_GT(*attack.estimates.auc.low, 0.5) << attack.name;
}

// The pairing rule: no attack may live off counts, whatever the design. Those that learn take longer: statistical
// tests.
TEST(EveryReferenceAttack, FindsNothingWhereNothingLeaks) {
  AuditPlan plan;
  plan.attacks = formulas();
  plan.measure.level = 0.9999;
  const std::set<std::string> without_in = {"reference", "calibrated_loss", "rmia_offline", "base_offline",
                                            "lira_offline"};
  for (const Design design : {Design::pairs, Design::exactly_half, Design::bernoulli, Design::disjoint, Design::rare,
                              Design::cross_validation})
    for (const size_t models : {8, 16})
      for (const uint64_t seed : {1, 2}) {
        const Models made = made_models({.models = models, .records = 20000, .design = design, .seed = seed});
        const Audited done = audited(made, {0}, plan, 2);
        std::set<std::string> ran;
        for (const AttackResult& attack : done.result.attacks) ran.insert(attack.name);
        if (design == Design::disjoint) {
          EXPECT_EQ(ran, without_in);
        }
        // Those of scarce IN models and of folds need some that not every count of models gives.
        if (design == Design::rare || design == Design::cross_validation) {
          EXPECT_TRUE(std::ranges::includes(ran, std::set<std::string>{"calibrated_loss", "rmia_offline"})) << models;
        }
        if (design < Design::disjoint) {
          // Seven models at random: too many records have one on a side, of which no variance can be told.
          const size_t variances = design == Design::bernoulli && models == 8 ? 3 : 0;
          EXPECT_EQ(ran.size(), plan.attacks.size() - variances);
        }
        for (const AttackResult& attack : done.result.attacks) {
          const std::string where =
              fmt::format("{}, design {}, {} models, seed {}", attack.name, static_cast<int>(design), models, seed);
          EXPECT_LE(*attack.estimates.auc.low, 0.5) << where;
          EXPECT_GE(*attack.estimates.auc.high, 0.5) << where;
          for (const RateAtFpr& rate : attack.estimates.tpr_at_fpr) EXPECT_LE(*rate.tpr.low, rate.fpr) << where;
        }
      }
}

// Whoever learns records by heart may learn by that who is the target's member, where splits depend on each other.
TEST(EveryReferenceAttack, FindsNothingInRecordsThatItKnowsAgain) {
  AuditPlan plan;
  plan.attacks = {"shokri", "ml_leaks", "stacked", "stacked_offline", "bavaria_t", "pmia", "rmia_offline"};
  for (const char* name : {"stacked", "stacked_offline"}) plan.parameters[name]["trees"] = "100";  // enough to do so
  plan.measure.level = 0.9999;
  for (const Design design : {Design::pairs, Design::exactly_half, Design::bernoulli, Design::rare,
                              Design::cross_validation, Design::one_round, Design::nearly_disjoint})
    for (const size_t models : {3, 8}) {
      if (models == 3 && design != Design::nearly_disjoint && design != Design::one_round) continue;
      const Models made =
          made_models({.models = models, .records = 3000, .is_recognisable = true, .design = design, .seed = 3});
      std::vector<AttackResult> ran;
      try {
        ran = audited(made, {0}, plan, 2).result.attacks;
      } catch (const Error& error) {
        EXPECT_EQ(error.category(), Category::input);  // none may run
      }
      EXPECT_EQ(ran.empty(), design == Design::one_round) << static_cast<int>(design);
      for (const AttackResult& attack : ran) {
        const std::string where =
            fmt::format("{}, design {}, {} models", attack.name, static_cast<int>(design), models);
        EXPECT_LE(*attack.estimates.auc.low, 0.5) << where;
        EXPECT_GE(*attack.estimates.auc.high, 0.5) << where;
      }
    }
}

// As every model in turn: what one pair shows of another must not add up either.
TEST(EveryReferenceAttack, FindsNothingOverAllTargetsWhereNothingLeaks) {
  AuditPlan plan;
  plan.measure.level = 0.9999;
  for (const uint64_t seed : {1, 2, 3}) {
    const Models made = made_models({.models = 8, .records = 4000, .classes = 4, .seed = seed});
    const Audited done = audited(made, {0, 1, 2, 3, 4, 5, 6, 7}, plan, 2);
    for (const AttackResult& attack : done.result.attacks) {
      EXPECT_LE(*attack.estimates.auc.low, 0.5) << attack.name << ", seed " << seed;
      EXPECT_GE(*attack.estimates.auc.high, 0.5) << attack.name << ", seed " << seed;
      EXPECT_EQ(attack.targets.size(), 8u);
    }
  }
}

TEST(EveryReferenceAttack, IsBlindToTheTargetsTruth) {
  Models models = made_models({.models = 9, .leak = 2});
  const Audited before = audited(models, {8});
  for (int8_t& m : models.models[8].membership) m = static_cast<int8_t>(1 - m);
  EXPECT_EQ(before.scores, audited(models, {8}).scores);
}

TEST(EveryReferenceAttack, IsBlindToEachTargetsTruthAmongMany) {
  constexpr size_t kModels = 10, kRecords = 800;  // five families in four folds
  Models models = made_models({.models = kModels, .records = kRecords, .leak = 2});
  std::vector<size_t> all(kModels);
  std::iota(all.begin(), all.end(), size_t{0});
  const Audited before = audited(models, all);
  // Late records, so that the splits keep their order.
  for (const size_t m : {4, 5})
    for (size_t i = kRecords / 2; i < kRecords; ++i)
      models.models[m].membership[i] = static_cast<int8_t>(1 - models.models[m].membership[i]);
  const Audited after = audited(models, all);
  for (const auto& [name, scores] : before.scores)
    for (size_t k = 4 * kRecords; k < 6 * kRecords; ++k) ASSERT_EQ(scores[k], after.scores.at(name)[k]) << name;
}

// A partner is the target turned round: whoever saw it would know.
TEST(EveryReferenceAttack, NeverSeesThePartner) {
  Models models = made_models({.models = 8, .leak = 2});
  const Audited before = audited(models, {2});
  models.models[3].outputs = models.models[5].outputs;
  EXPECT_EQ(before.scores, audited(models, {2}).scores);
}

TEST(EveryReferenceAttack, GivesTheSameBytesOnAnyNumberOfThreads) {
  const Models models = made_models({.models = 8, .records = 9001, .leak = 1});
  EXPECT_EQ(audited(models, {0}).scores, audited(models, {0}, {}, 3).scores);
  EXPECT_EQ(audited(models, {0, 3, 4}).scores, audited(models, {0, 3, 4}, {}, 3).scores);
}

TEST(EveryReferenceAttack, GivesTheSameBytesWhereSignalsLieOnDisk) {
  for (const Design design : {Design::pairs, Design::bernoulli}) {
    const Models models = made_models({.models = 8, .records = 3000, .queries = 2, .leak = 1, .design = design});
    AuditPlan plan;
    plan.memory = 3000 * 128;  // one signal of these models takes as much
    const Audited in_memory = audited(models, {0});
    const Audited on_disk = audited(models, {0}, plan, 2);
    for (const auto& [name, scores] : in_memory.scores) {
      const std::vector<double>& others = on_disk.scores.at(name);
      ASSERT_EQ(scores.size(), others.size());
      EXPECT_EQ(std::memcmp(scores.data(), others.data(), scores.size() * sizeof(double)), 0) << name;
    }
  }
}

TEST(Shokri, LearnsFromFewRowsOfAClass) {
  // Some 15 records a class, 4 models: 30 rows a side.
  const Models models = made_models({.models = 5, .records = 150, .classes = 10, .leak = 5});
  AuditPlan plan;
  plan.attacks = {"shokri"};
  const Audited done = audited(models, {4}, plan);
  EXPECT_GT(*done.result.attacks[0].estimates.auc.value, 0.7);
  std::map<int32_t, std::set<double>> of_class;
  for (size_t i = 0; i < models.records(); ++i) of_class[models.labels[i]].insert(done.scores.at("shokri")[i]);
  for (const auto& [label, scores] : of_class) EXPECT_GT(scores.size(), 1u) << "class " << label;
}

TEST(Stacked, MakesDoWithFewGroups) {
  const Models models = made_models({.models = 7, .records = 600, .leak = 3});
  std::vector<int64_t> people(models.records());
  for (size_t i = 0; i < people.size(); ++i) people[i] = static_cast<int64_t>(i % 3);
  AuditPlan plan;
  plan.attacks = {"stacked", "base"};
  const AuditResult result = audit(models, std::vector<size_t>{6}, people, plan, {});
  EXPECT_EQ(result.attacks.size(), 2u);
}

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

TEST(BudgetCurve, NeedsAttacksThatUseReferences) {
  AuditPlan plan;
  plan.curve = true;
  plan.attacks = {"loss"};
  EXPECT_THROW(audited(made_models({.models = 8, .leak = 1}), {0}, plan), Error);
}

TEST(AuditOfModels, SaysWhatItsFiguresWouldTake) {
  const Models models = made_models({.models = 4, .records = 3000});
  AuditPlan plan;
  plan.memory = 3000 * 128;
  try {
    audited(models, {0, 1}, plan);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::config);
    EXPECT_NE(std::string(error.what()).find("2 targets x 3 000 records"), std::string::npos) << error.what();
  }
}

TEST(EveryReferenceAttack, ScoresATargetAlikeAloneAndInTurn) {
  const Models models = made_models({.models = 8, .leak = 1});
  const Audited alone = audited(models, {3});
  const Audited in_turn = audited(models, {0, 3});
  for (const auto& [name, scores] : alone.scores) {
    const std::vector<double>& both = in_turn.scores.at(name);
    EXPECT_TRUE(std::ranges::equal(scores, std::span(both).subspan(models.records()))) << name;
  }
}

TEST(Moments, OfATargetAreTheSameAloneAndAmongManyFamilies) {
  for (const Design design : {Design::pairs, Design::bernoulli}) {
    // So many that moments of several families are worked out together.
    const Models models = made_models({.models = 24, .records = 700, .queries = 2, .leak = 1, .design = design});
    AuditPlan plan;
    plan.attacks = {"lira", "rmia", "bavaria_n", "bavaria_t_offline"};
    std::vector<size_t> targets(24);
    std::iota(targets.begin(), targets.end(), size_t{0});
    const Audited in_turn = audited(models, targets, plan);
    for (const size_t target : {5, 22}) {
      for (const auto& [name, scores] : audited(models, {target}, plan).scores) {
        const std::span<const double> all = in_turn.scores.at(name);
        const std::span<const double> own = all.subspan(target * models.records(), models.records());
        EXPECT_EQ(std::memcmp(scores.data(), own.data(), own.size_bytes()), 0) << name << " of target " << target;
      }
    }
  }
}

TEST(EveryReferenceAttack, GivesTheSameBytesInAnyOrderOfModels) {
  for (const Design design : {Design::pairs, Design::bernoulli}) {
    Models models = made_models({.models = 8, .leak = 1, .design = design});
    const Audited before = audited(models, {0, 3, 4});
    std::ranges::reverse(models.models);  // a pair stands where a pair stood
    const Audited after = audited(models, {7, 4, 3});
    for (const auto& [name, scores] : before.scores) {
      const std::vector<double>& others = after.scores.at(name);
      EXPECT_EQ(std::memcmp(scores.data(), others.data(), scores.size() * sizeof(double)), 0) << name;
    }
    for (size_t k = 0; k < before.result.attacks.size(); ++k) {
      const Metrics& a = before.result.attacks[k].estimates;
      const Metrics& b = after.result.attacks[k].estimates;
      EXPECT_EQ(std::tie(*a.auc.value, *a.auc.low, *a.auc.high, *a.advantage.low, *a.tpr_at_fpr[0].tpr.high),
                std::tie(*b.auc.value, *b.auc.low, *b.auc.high, *b.advantage.low, *b.tpr_at_fpr[0].tpr.high))
          << before.result.attacks[k].name;
    }
    for (size_t k = 0; k < before.result.exposure->records.size(); ++k) {
      EXPECT_EQ(before.result.exposure->records[k].record, after.result.exposure->records[k].record);
      EXPECT_EQ(before.result.exposure->records[k].separation, after.result.exposure->records[k].separation);
    }
  }
}

TEST(EveryReferenceAttack, TakesSeveralQueries) {
  const Audited done = audited(made_models({.models = 9, .records = 1500, .queries = 3, .leak = 3}), {8});
  EXPECT_EQ(done.result.attacks.size(), reference_attacks().size());
  for (const AttackResult& attack : done.result.attacks) EXPECT_GT(*attack.estimates.auc.value, 0.55) << attack.name;
}

std::map<std::string, std::string> reasons(const AuditResult& result) {
  std::map<std::string, std::string> found;
  for (const Skipped& skipped : result.skipped) found[skipped.name] = skipped.reason;
  return found;
}

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

// A record like no other must come out first, not tied with all that a rounded probability cannot tell apart.
// Recorded defect 7: offline LiRA as 1 - cdf, which ties them.
TEST(LiraOffline, KeepsTheOrderOfTheSurestMembers) {
  Models models = made_models({.models = 9, .records = 500});
  Outputs& outputs = models.models[8].outputs;
  const std::span<const float> before = outputs.parts[0].values.as<float>();
  std::vector<float> logits(before.begin(), before.end());
  constexpr size_t kSure = 40;
  for (size_t i = 0; i < kSure; ++i)
    logits[i * 10 + static_cast<size_t>(models.labels[i])] = 60 + 30 * static_cast<float>(i);
  outputs.parts[0].values = Array::from(std::move(logits), {500, 1, 10});
  AuditPlan plan;
  plan.attacks = {"lira_offline"};
  const std::vector<double> scores = audited(models, {8}, plan).scores.at("lira_offline");
  std::vector<double> sure(scores.begin(), scores.begin() + kSure);
  for (const double score : sure) EXPECT_TRUE(std::isfinite(score));
  std::ranges::sort(sure);
  EXPECT_EQ(std::ranges::adjacent_find(sure), sure.end());
  EXPECT_GT(sure.front(), *std::max_element(scores.begin() + kSure, scores.end()));
}

TEST(TargetEvidence, BalancesEveryDesign) {
  for (const Design design : {Design::pairs, Design::exactly_half, Design::bernoulli}) {
    const Models models = made_models({.models = 16, .records = 3000, .design = design});
    const Context context;
    ModelSignals signals(models, context, context, uint64_t{2} << 30);
    const TargetEvidence target(signals, 2, 0);
    ReferenceSource& references = *target.evidence().references;
    const SidedValues values = references.values("loss");
    size_t lacking = 0;
    for (size_t i = 0; i < models.records(); ++i) {
      size_t sides[2] = {0, 0};
      for (const int8_t* row : values.sides)
        if (row[i] >= 0) ++sides[row[i]];
      EXPECT_TRUE(sides[0] == references.models_out() || sides[0] == 0);
      EXPECT_TRUE(sides[1] == references.models_in() || sides[1] == 0);
      lacking += sides[0] == 0 || sides[1] == 0;
    }
    EXPECT_GT(references.models_out(), 2u);
    EXPECT_GT(references.models_in(), 2u);
    EXPECT_LE(lacking, models.records() / 50);
    EXPECT_EQ(references.count(), design == Design::pairs ? 14u : 15u);
  }
}

// The target without a family of its references is what an audit without these models would have seen.
TEST(TargetEvidence, WithoutAFamilyIsAsIfItWereNotThere) {
  for (const Design design : {Design::pairs, Design::bernoulli}) {
    const Models models = made_models({.models = 10, .leak = 1, .design = design});
    const Context context;
    ModelSignals signals(models, context, context, uint64_t{1} << 30);
    const TargetEvidence target(signals, 2, 0);
    ReferenceSource& references = *target.evidence().references;
    const size_t size = design == Design::pairs ? 2 : 1;
    ASSERT_EQ(references.families() * size, references.count());
    // As bytes: a record without models has no number.
    const auto means_of = [](const Evidence& evidence) {
      const std::vector<double>& means = evidence.references->moments("loss").out.mean;
      return std::string(reinterpret_cast<const char*>(means.data()), means.size() * sizeof(double));
    };
    std::set<std::string> seen;
    for (size_t family = 0; family < references.families(); ++family) {
      const size_t left_out[] = {family, (family + 1) % references.families()};
      const auto view = references.without(left_out);
      ReferenceSource& rest = *view->evidence().references;
      EXPECT_EQ(rest.count(), references.count() - 2 * size);
      EXPECT_EQ(rest.families(), references.families() - 2);
      seen.insert(means_of(view->evidence()));
    }
    EXPECT_EQ(seen.size(), references.families()) << "each view leaves out others";
    // Families stand in an order of their own: it is the audit without one of them, whichever.
    const size_t one[] = {0};
    const auto view = references.without(one);
    const std::string expected = means_of(view->evidence());
    size_t alike = 0;
    for (const size_t family : std::set<size_t>(models.families.begin(), models.families.end()))
      if (family != models.families[2])
        alike += means_of(TargetEvidence(signals, 2, 0, {family}).evidence()) == expected;
    EXPECT_EQ(alike, 1u);
  }
}

TEST(TargetEvidence, KeepsNoInModelThatWouldProveANonMember) {
  const Models models = made_models({.models = 8, .records = 3000, .design = Design::disjoint});
  const Context context;
  ModelSignals signals(models, context, context, uint64_t{2} << 30);
  const TargetEvidence target(signals, 2, 0);
  EXPECT_EQ(target.evidence().references->models_in(), 0u);
  EXPECT_EQ(target.evidence().references->models_out(), 6u);
}

TEST(Rmia, ChoosesItsAByAttackingReferencesOnly) {
  AuditPlan plan;
  plan.attacks = {"rmia_offline"};
  plan.parameters["rmia_offline"]["tune"] = "yes";
  Models models = made_models({.models = 9, .leak = 2});
  const Audited before = audited(models, {8}, plan);
  EXPECT_EQ(before.result.attacks[0].parameters.at("a"), "tuned");
  for (int8_t& m : models.models[8].membership) m = static_cast<int8_t>(1 - m);
  EXPECT_EQ(before.scores, audited(models, {8}, plan).scores);
}

TEST(Rmia, SaysWhenReferencesAreTooFewToAttack) {
  AuditPlan plan;
  plan.attacks = {"loss", "rmia_offline"};
  plan.parameters["rmia_offline"]["tune"] = "yes";
  const Audited done = audited(made_models({.models = 4, .leak = 2}), {0}, plan);
  EXPECT_NE(reasons(done.result)["rmia_offline"].find("too few reference models to choose a"), std::string::npos);
}

// Records set apart are known non-members: what calibrates on known records learns from them.
TEST(Population, TeachesAttacksThatCalibrate) {
  Models models = made_models({.models = 1, .records = 1000, .leak = 2, .design = Design::bernoulli});
  for (uint32_t z = 600; z < 1000; ++z) {
    models.audited[z] = 0;
    models.models[0].membership[z] = 0;
    models.population.push_back(z);
  }
  AuditPlan plan;
  plan.attacks = {"population", "class_threshold"};
  const Audited with = audited(models, {0}, plan);
  models.population.clear();
  const Audited without = audited(models, {0}, plan);
  for (const std::string& name : plan.attacks) EXPECT_NE(with.scores.at(name), without.scores.at(name)) << name;
  // The share of all that are known: the other folds' non-members and the population.
  const double nonmembers = static_cast<double>(with.result.subject.nonmembers);
  const double share = with.scores.at("population")[0] * (std::floor(nonmembers * 0.8) + 400);
  EXPECT_LT(std::abs(share - std::round(share)), 0.5);
  EXPECT_EQ(with.result.subject.population, 400u);
}

}  // namespace
}  // namespace miaudit
