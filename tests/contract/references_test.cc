// What every attack with reference models must keep, whatever it computes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <tuple>

#include "tests/contract/audited.h"

namespace miaudit {
namespace {

/// Those whose score is a formula, of which much can be asked.
std::vector<std::string> formulas() {
  std::vector<std::string> names = reference_attacks();
  std::erase_if(names, [](const std::string& name) { return find_attack(name).learns(); });
  return names;
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
  std::map<std::string, double> sums;
  for (const uint64_t seed : {1, 2, 3}) {
    const Models made = made_models({.models = 8, .records = 4000, .classes = 4, .seed = seed});
    const Audited done = audited(made, {0, 1, 2, 3, 4, 5, 6, 7}, plan, 2);
    for (const AttackResult& attack : done.result.attacks) {
      EXPECT_LE(*attack.estimates.auc.low, 0.5) << attack.name << ", seed " << seed;
      EXPECT_GE(*attack.estimates.auc.high, 0.5) << attack.name << ", seed " << seed;
      EXPECT_EQ(attack.targets.size(), 8u);
      sums[attack.name] += *attack.estimates.auc.value;
    }
  }
  // Intervals of four families say next to nothing at this level; the mean over seeds of these independent scores does.
  constexpr double kASide = 8 * 4000 / 2, kErrors = 5;
  for (const auto& [name, sum] : sums)
    EXPECT_NEAR(sum / 3, 0.5, kErrors * std::sqrt((2 * kASide + 1) / (12 * kASide * kASide) / 3)) << name;
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
    plan.memory = 3000 * 2 * 192;  // half of it holds what scoring a target takes, an eighth no signal of the models
    const Audited in_memory = audited(models, {0});
    const Audited on_disk = audited(models, {0}, plan, 2);
    for (const auto& [name, scores] : in_memory.scores) {
      const std::vector<double>& others = on_disk.scores.at(name);
      ASSERT_EQ(scores.size(), others.size());
      EXPECT_EQ(std::memcmp(scores.data(), others.data(), scores.size() * sizeof(double)), 0) << name;
    }
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

}  // namespace
}  // namespace miaudit
