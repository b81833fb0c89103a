#include "miaudit/audit/shard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "miaudit/audit/audit.h"
#include "miaudit/base/rng.h"
#include "miaudit/data/model_status.h"
#include "miaudit/data/stored_scores.h"
#include "miaudit/io/file.h"
#include "miaudit/io/formats.h"
#include "miaudit/signal/signal.h"

namespace miaudit {
namespace {

constexpr size_t kModels = 4, kRecords = 200, kClasses = 3;

/// A run made by hand, of pairs.
Run make_run(const std::filesystem::path& path) {
  Rng rng(1, 1);
  std::vector<int8_t> membership(kModels * kRecords);
  std::vector<int32_t> labels(kRecords);
  for (size_t i = 0; i < kRecords; ++i) {
    labels[i] = static_cast<int32_t>(rng.below(kClasses));
    for (size_t m = 0; m < kModels; ++m)
      membership[m * kRecords + i] =
          m % 2 ? static_cast<int8_t>(1 - membership[(m - 1) * kRecords + i]) : static_cast<int8_t>(rng.below(2));
  }
  for (size_t m = 0; m < kModels; ++m) {
    std::vector<double> outputs(kRecords * kClasses);
    for (double& value : outputs) value = rng.normal();
    make_directory(path / fmt::format("models/{:04}", m));
    write_npy(path / fmt::format("models/{:04}/outputs.npy", m), Array::from(std::move(outputs), {kRecords, kClasses}));
  }
  write_npy(path / "membership.npy", Array::from(std::move(membership), {kModels, kRecords}));
  write_npy(path / "labels.npy", Array::from(std::move(labels), {kRecords}));
  write_file(path / "run.json", R"({"schema_version": 1, "models": 4, "partners": [1, 0, 3, 2]})");
  return read_run(path);
}

TEST(Shards, TellOfOtherInstructionSets) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "other_instruction_sets";
  std::filesystem::remove_all(path);
  const miaudit::Run run = make_run(path);
  Models models = read_models(run, RecordOptions(), {});
  AuditPlan plan;
  plan.attacks = {"malt"};
  const std::vector<size_t> targets = {0};
  const auto audited = [&](const std::string& kernel_target) {
    const std::vector<std::string> identities = outputs_identities(run);
    std::filesystem::remove_all(path / "signals");
    SignalWriter writer(run, models, {1, 1}, identities, "test");
    std::vector<double> losses(kModels * kRecords);
    for (size_t m = 0; m < kModels; ++m)
      compute_signal(find_signal("loss"), models.models[m].outputs, models.labels,
                     std::span(losses).subspan(m * kRecords, kRecords), {});
    writer.write("loss", std::move(losses));
    writer.publish({}, kernel_target);
    models.stored = std::make_shared<const StoredSignals>(run, models);
    return audit(models, targets, {}, plan, {});
  };
  const auto tells = [](const AuditResult& result) {
    return std::ranges::count(result.warnings, "other_instruction_sets", &Notice::code);
  };
  const AuditResult alike = audited(kernel_target()), other = audited("EARLIER");
  EXPECT_EQ(tells(alike), 0);
  EXPECT_EQ(alike.kernel_target, kernel_target());
  EXPECT_EQ(tells(other), 1);
  EXPECT_NE(other.kernel_target.find("EARLIER"), std::string::npos) << other.kernel_target;
  EXPECT_NE(other.kernel_target.find(kernel_target()), std::string::npos) << other.kernel_target;
  std::filesystem::remove_all(path);
}

// What shards scored by a fit is what the audit is of, if the fit is of the audit's plan.
TEST(Scores, AreTakenFromShards) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "stored_scores";
  std::filesystem::remove_all(path);
  const miaudit::Run run = make_run(path);
  Models models = read_models(run, RecordOptions(), {});
  const std::vector<std::string> identities = outputs_identities(run);
  SignalWriter(run, models, {1, 1}, identities, "test").publish({}, kernel_target());
  models.stored = std::make_shared<const StoredSignals>(run, models);
  AuditPlan plan;
  plan.attacks = {"malt"};
  const std::vector<size_t> targets = {0, 2};
  Fit made{{0, 2}, 0, "EARLIER", models.stored->id(), {{"malt", {}, {{{}, "", 0}, {{}, "", 0}}, {"loss"}}}, ""};
  FitWriter fits(run, models, identities, "test");
  fits.write("malt", {});
  fits.write("malt", {});
  fits.publish(made);
  std::optional<Fit> fit = read_fit(run, models, identities);
  ASSERT_TRUE(fit);
  for (size_t number = 1; number <= 3; ++number) {
    const Shard shard{number, 3};
    const RecordRange range = shard.range(kRecords);
    ShardScores scores{"malt", {}, {"", ""}, {"loss"}};
    for (const size_t target : targets)
      for (size_t i = range.begin; i < range.end; ++i) scores.scores.push_back(models.models[target].membership[i]);
    ScoreWriter writer(run, models, identities, *fit, shard, "test");
    EXPECT_FALSE(writer.is_done());
    writer.write(std::move(scores));
    writer.publish(kernel_target());
    EXPECT_TRUE(writer.is_done());
    std::string flaws;
    EXPECT_EQ(StoredScores::find(run, *fit, flaws).has_value(), number == 3) << flaws;
  }
  std::string flaws;
  models.scores = std::make_shared<const StoredScores>(*StoredScores::find(run, *fit, flaws));
  const AuditResult known = audit(models, targets, {}, plan, {});
  EXPECT_EQ(known.attacks.front().estimates.auc.value, 1);
  EXPECT_EQ(std::ranges::count(known.warnings, "other_instruction_sets", &Notice::code), 1);
  plan.measure.seed = 1;
  models.stored = nullptr;
  EXPECT_LT(audit(models, targets, {}, plan, {}).attacks.front().estimates.auc.value, 0.9);
  std::filesystem::remove_all(path);
}

}  // namespace
}  // namespace miaudit
