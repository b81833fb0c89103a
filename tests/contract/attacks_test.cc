// What every attack in the table must keep, whatever it computes.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "miaudit/attack/attack.h"
#include "miaudit/audit/audit.h"
#include "tests/made_records.h"

namespace miaudit {
namespace {

using testing_records::Made;
using testing_records::made_records;
using testing_records::reordered;
using testing_records::with_outputs;

struct Audited {
  AuditResult result;
  std::map<std::string, std::vector<double>> scores;
  const AttackResult& attack(std::string_view name) const {
    return *std::find_if(result.attacks.begin(), result.attacks.end(),
                         [&](const AttackResult& a) { return a.name == name; });
  }
};

/// Those that make do with the target; references_test.cc has the others.
std::vector<AttackRow> target_attacks() {
  std::vector<AttackRow> rows(attack_table().begin(), attack_table().end());
  std::erase_if(rows, [](const AttackRow& row) { return row.needs_references(); });
  return rows;
}

Audited audited(const Records& records, AuditPlan plan = {}, int threads = 1) {
  Audited done;
  Context context;
  context.threads = threads;
  done.result = audit(records, plan, context, [&](const std::string& name, std::span<const double> scores) {
    done.scores[name].assign(scores.begin(), scores.end());
  });
  return done;
}

TEST(EveryAttack, RunsOnLabelledOutputs) {
  const Audited done = audited(made_records({}));
  EXPECT_EQ(done.result.attacks.size(), target_attacks().size());
  for (const Skipped& skipped : done.result.skipped) EXPECT_TRUE(find_attack(skipped.name).needs_references());
}

TEST(EveryAttack, IsLeftOutByNameWhereAFewGroupsHoldAllOfASide) {
  Records records = made_records({.records = 400, .leak = 2});
  for (size_t i = 0; i < records.size(); ++i)
    records.groups.push_back(records.membership[i] ? 1 + static_cast<int64_t>(i % 10) : 0);
  const AuditResult result = audited(records).result;
  std::set<std::string> skipped;
  for (const Skipped& one : result.skipped) skipped.insert(one.name);
  for (const char* name : {"class_threshold", "population", "classifier", "quantile"})
    EXPECT_TRUE(skipped.contains(name)) << name;
  EXPECT_TRUE(std::ranges::any_of(result.attacks, [](const AttackResult& a) { return a.name == "loss"; }));
}

TEST(EveryAttack, GivesTheSameBytesOnAnyNumberOfThreads) {
  const Records records = made_records({.records = 20001, .leak = 1});
  const Audited one = audited(records);
  const Audited three = audited(records, {}, 3);
  for (const AttackRow& row : target_attacks())
    EXPECT_EQ(one.scores.at(std::string(row.name)), three.scores.at(std::string(row.name))) << row.name;
}

TEST(EveryAttack, ScoresARecordAlikeWhereverItStands) {
  const Records records = made_records({.leak = 1});
  std::vector<uint32_t> order(records.size());
  std::iota(order.begin(), order.end(), 0u);
  Rng(9).shuffle(std::span(order));
  const Audited before = audited(records);
  const Audited after = audited(reordered(records, order));
  for (const AttackRow& row : target_attacks()) {
    const std::string name(row.name);
    if (row.calibrates()) {
      // Folds go by position, so that only the figure can be the same, and that within what folds make of it.
      EXPECT_NEAR(*before.attack(name).estimates.auc.value, *after.attack(name).estimates.auc.value, 0.02) << name;
      continue;
    }
    for (size_t i = 0; i < order.size(); ++i)
      ASSERT_EQ(before.scores.at(name)[order[i]], after.scores.at(name)[i]) << name;
  }
}

TEST(EveryAttack, FindsAPlantedLeak) {
  const Audited done = audited(made_records({.records = 4000, .leak = 1.5}));
  for (const AttackResult& attack : done.result.attacks) EXPECT_GT(*attack.estimates.auc.low, 0.5) << attack.name;
  EXPECT_EQ(done.result.finding, Finding::leak);
}

TEST(EveryAttack, FindsNothingWhereNothingLeaks) {
  AuditPlan plan;
  plan.measure.level = 0.9999;
  for (const uint64_t seed : {1, 2, 3}) {
    const Audited done = audited(made_records({.records = 20000, .seed = seed}), plan, 2);
    for (const AttackResult& attack : done.result.attacks) {
      EXPECT_LE(*attack.estimates.auc.low, 0.5) << attack.name << ", seed " << seed;
      EXPECT_GE(*attack.estimates.auc.high, 0.5) << attack.name << ", seed " << seed;
      EXPECT_EQ(*attack.estimates.advantage.low, 0) << attack.name << ", seed " << seed;
      for (const RateAtFpr& rate : attack.estimates.tpr_at_fpr) EXPECT_LE(*rate.tpr.low, rate.fpr) << attack.name;
    }
    EXPECT_NE(done.result.finding, Finding::leak) << "seed " << seed;
  }
}

// Small data is where cross-fitting shows its bias: a fold with more members leaves fewer to learn from.
TEST(EveryAttack, FindsNothingInManySmallAuditsWhereNothingLeaks) {
  std::map<std::string, double> sums;
  constexpr int kAudits = 60;
  constexpr size_t kRecords = 200;
  for (uint64_t seed = 0; seed < kAudits; ++seed)
    for (const AttackResult& attack :
         audited(made_records({.records = kRecords, .classes = 4, .seed = seed})).result.attacks)
      sums[attack.name] += *attack.estimates.auc.value;
  // One AUC of 100 + 100 records has a deviation of about .041; four of the mean's are allowed.
  for (const auto& [name, sum] : sums) EXPECT_NEAR(sum / kAudits, 0.5, 4 * 0.041 / std::sqrt(kAudits)) << name;
}

TEST(EveryAttack, ThatDoesNotCalibrateIsBlindToTheTruth) {
  Records records = made_records({.leak = 1});
  const Audited before = audited(records);
  for (int8_t& m : records.membership) m = static_cast<int8_t>(1 - m);
  const Audited after = audited(records);
  for (const AttackRow& row : target_attacks()) {
    if (row.calibrates()) continue;
    EXPECT_EQ(before.scores.at(std::string(row.name)), after.scores.at(std::string(row.name))) << row.name;
  }
}

// A calibrating attack may learn from other folds, never from the record's own truth (recorded defect 5: peers tune
// their thresholds on it).
TEST(EveryAttack, ScoresARecordWithoutItsOwnTruth) {
  Records records = made_records({.records = 1000, .leak = 1});
  // Two groups are the two folds, whoever is a member.
  for (size_t i = 0; i < records.size(); ++i) records.groups.push_back(static_cast<int64_t>(i % 2));
  AuditPlan plan;
  plan.folds = 2;
  const Audited before = audited(records, plan);
  for (const int8_t truth : {static_cast<int8_t>(1 - records.membership[0]), int8_t{-1}}) {
    Records turned = records;
    turned.membership[0] = truth;
    const Audited after = audited(turned, plan);
    for (const AttackRow& row : target_attacks()) {
      const std::string name(row.name);
      const std::vector<double>&was = before.scores.at(name), &is = after.scores.at(name);
      size_t changed = 0;
      for (size_t i = 0; i < is.size(); ++i) {
        if (i % 2 == 0) {
          EXPECT_EQ(was[i], is[i]) << name << ", record " << i << " of its own fold";
        }
        changed += i % 2 == 1 && was[i] != is[i];
      }
      // The other fold's scores are calibrated on it; a threshold may lie where it did.
      if (row.calibrates() && truth >= 0 && name != "class_threshold") {
        EXPECT_GT(changed, 0u) << name;
      }
    }
  }
}

TEST(EveryAttack, GivesFiniteScoresOrANamedReasonOnDegenerateOutputs) {
  Records records = made_records({.records = 40, .classes = 3});
  const auto filled = [&](auto value_of) {
    std::vector<double> values(records.size() * 3);
    for (size_t i = 0; i < values.size(); ++i) values[i] = value_of(i);
    return values;
  };
  const std::vector<std::vector<double>> cases = {
      filled([](size_t) { return 0.0; }),                            // constant rows
      filled([](size_t i) { return i % 3 == 0 ? 1e300 : -1e300; }),  // beyond saturation
      filled([](size_t i) { return static_cast<double>(i % 3); }),   // every record alike
      filled([](size_t i) { return i % 3 == 1 ? 5e-324 : 0.0; }),    // subnormal
  };
  for (size_t c = 0; c < cases.size(); ++c) {
    const Audited done = audited(with_outputs(records, cases[c]));
    EXPECT_EQ(done.result.attacks.size() + done.result.skipped.size(), attack_table().size()) << "case " << c;
    for (const auto& [name, scores] : done.scores)
      EXPECT_TRUE(std::all_of(scores.begin(), scores.end(), [](double s) { return std::isfinite(s); }))
          << name << ", case " << c;
    for (const Skipped& skipped : done.result.skipped) EXPECT_FALSE(skipped.reason.empty()) << skipped.name;
  }
}

TEST(EveryAttack, SurvivesOneMemberAndOneNonMember) {
  Records records = made_records({.records = 2});
  const Audited done = audited(records);
  EXPECT_GT(done.result.attacks.size(), 5u);
  for (const AttackResult& attack : done.result.attacks) {
    EXPECT_LE(*attack.estimates.auc.low, *attack.estimates.auc.value) << attack.name;
    EXPECT_GE(*attack.estimates.auc.high, *attack.estimates.auc.value) << attack.name;
  }
}

}  // namespace
}  // namespace miaudit
