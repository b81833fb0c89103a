// What single attacks with reference models, and the audit around them, must keep.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "tests/contract/audited.h"

namespace miaudit {
namespace {

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

// Recorded defect 5: peers tune on the truth that they audit.
TEST(Rmia, ChoosesItsAByAttackingReferencesOnly) {
  AuditPlan plan;
  plan.attacks = {"rmia_offline"};
  plan.parameters["rmia_offline"]["tune"] = "yes";
  Models models = made_models({.models = 9, .leak = 2});
  const Audited before = audited(models, {8}, plan);
  for (int8_t& m : models.models[8].membership) m = static_cast<int8_t>(1 - m);
  EXPECT_EQ(before.scores, audited(models, {8}, plan).scores);
  // What it says that it chose.
  plan.parameters["rmia_offline"] = {{"a", before.result.attacks[0].parameters.at("a")}};
  EXPECT_EQ(before.scores, audited(models, {8}, plan).scores);
}

// With several queries each record meets all of the population, however many: in ranks of 16 bits or of 32.
TEST(Rmia, CountsVotesOfTheWholePopulation) {
  for (const size_t records : {size_t{12'000}, size_t{66'000}}) {
    const Models models = made_models({.models = 6, .records = records, .classes = 2, .queries = 2, .leak = 1});
    AuditPlan plan;
    plan.attacks = {"rmia"};
    const std::vector<double> scores = audited(models, {0}, plan, 2).scores.at("rmia");
    const auto confidence = [&](size_t m, size_t i, size_t q) {
      const float* row = models.models[m].outputs.parts[0].values.as<float>().data() + (i * 2 + q) * 2;
      const auto label = static_cast<size_t>(models.labels[i]);
      return 1 / (1 + std::exp(static_cast<double>(row[1 - label]) - static_cast<double>(row[label])));
    };
    std::vector<std::array<double, 2>> ratios(records);  // by models 2 to 5: the first two are partners
    for (size_t i = 0; i < records; ++i)
      for (size_t q = 0; q < 2; ++q) {
        double mean = 0;
        for (size_t m = 2; m < 6; ++m) mean += confidence(m, i, q) / 4;
        ratios[i][q] = confidence(0, i, q) / mean;
      }
    for (size_t i = 0; i < 100; ++i) {
      const auto beaten = std::ranges::count_if(
          ratios, [&](const auto& other) { return ratios[i][0] >= other[0] && ratios[i][1] >= other[1]; });
      // What ties by its digits may fall either way.
      EXPECT_NEAR(scores[i] * static_cast<double>(records), static_cast<double>(beaten), 2) << records << ' ' << i;
    }
  }
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

}  // namespace
}  // namespace miaudit
