// What attacks are given of the reference models: the pairing rule.
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <set>

#include "miaudit/audit/balance.h"
#include "miaudit/audit/target_evidence.h"
#include "tests/contract/audited.h"

namespace miaudit {
namespace {

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
    EXPECT_LE(lacking, models.records() / 10);
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

}  // namespace
}  // namespace miaudit
