// What learns from models must find nothing where they hold nothing, whatever the design and the number of models.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>
#include <string>

#include "miaudit/audit/audit.h"
#include "tests/made_models.h"

namespace miaudit {
namespace {

using testing_models::Design;
using testing_models::made_models;

/// AUCs of a design's seeds, by attack, each with what it would vary by if records and models were independent, as
/// those of these models are.
struct Found {
  std::vector<double> aucs;
  double variance = 0;
};
using FoundByAttack = std::map<std::string, Found>;

/// least: how many of the two attacks must have run; with few models of some designs no record has enough of them.
void expect_nothing(const Models& models, const std::vector<size_t>& targets, size_t least, const std::string& where,
                    FoundByAttack& found) {
  AuditPlan plan;
  plan.attacks = {"stacked", "stacked_offline"};
  for (const std::string& name : plan.attacks) plan.parameters[name]["trees"] = "30";
  plan.measure.level = 0.9999;
  Context context;
  context.threads = 2;
  std::vector<AttackResult> attacks;
  double members = 0, nonmembers = 0;
  try {
    const AuditResult result = audit(models, targets, {}, plan, context);
    attacks = result.attacks;
    members = static_cast<double>(result.subject.members);
    nonmembers = static_cast<double>(result.subject.nonmembers);
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("can run on these records"), std::string::npos) << error.what() << where;
  }
  EXPECT_GE(attacks.size(), least) << where;
  for (const AttackResult& attack : attacks) {
    EXPECT_LE(*attack.estimates.auc.low, 0.5) << attack.name << where;
    EXPECT_GE(*attack.estimates.auc.high, 0.5) << attack.name << where;
    for (const RateAtFpr& rate : attack.estimates.tpr_at_fpr)
      EXPECT_LE(*rate.tpr.low, rate.fpr) << attack.name << where;
    Found& own = found[attack.name];
    own.aucs.push_back(*attack.estimates.auc.value);
    own.variance += (members + nonmembers + 1) / (12 * members * nonmembers);
  }
}

/// Intervals say nothing where there are few families of models; the mean over seeds does.
void expect_half_on_average(const FoundByAttack& found, const std::string& where) {
  for (const auto& [attack, own] : found) {
    const auto count = static_cast<double>(own.aucs.size());
    const double mean = std::accumulate(own.aucs.begin(), own.aucs.end(), 0.0) / count;
    EXPECT_NEAR(mean, 0.5, 4.5 * std::sqrt(own.variance) / count) << attack << where;
  }
}

constexpr Design kDesigns[] = {Design::pairs,    Design::exactly_half, Design::bernoulli,
                               Design::disjoint, Design::rare,         Design::cross_validation};

enum class Targets { first, all };

/// With 4, 8 and 16 reference models, for five seeds.
void expect_nothing_of(Targets which, size_t records) {
  for (const Design design : kDesigns)
    for (const size_t references : {4, 8, 16}) {
      FoundByAttack found;
      const std::string where = fmt::format(", design {}, {} references", static_cast<int>(design), references);
      for (const uint64_t seed : {1, 2, 3, 4, 5}) {
        const bool is_even = design == Design::pairs || (design == Design::exactly_half && references > 4);
        const size_t least = is_even ? 2 : references > 4 ? 1 : 0;
        const size_t models = references + (design == Design::pairs ? 2 : 1);
        std::vector<size_t> targets(which == Targets::all ? models : 1);
        std::iota(targets.begin(), targets.end(), size_t{0});
        expect_nothing(
            made_models({.models = models, .records = records, .classes = 4, .design = design, .seed = seed}), targets,
            least, fmt::format("{}, seed {}", where, seed), found);
      }
      expect_half_on_average(found, where);
    }
}

TEST(StackedNoise, OfOneTarget) {
  expect_nothing_of(Targets::first, 2000);
}

TEST(StackedNoise, OverAllTargets) {
  expect_nothing_of(Targets::all, 500);
}

}  // namespace
}  // namespace miaudit
