#include "miaudit/train/shadow.h"

#include <gtest/gtest.h>

#include <atomic>

#include "tests/train/made_run.h"

namespace miaudit {
namespace {

using testing::Folder;
using testing::small_plan;

struct Trained {
  ShadowReport report;
  std::vector<std::string> told;
  std::string progress;  ///< the last
  uint64_t work = 0;
  bool is_all_done = false;
};

/// Trains a plan of two models of 30 members and 4 epochs each; the first has been trained to its last checkpoint where
/// `is_resumed`.
Trained train(const std::string& architecture, bool is_resumed, bool is_second_done = false) {
  const Folder folder;
  ShadowPlan plan = small_plan();
  plan.models = 2;
  plan.recipe.architecture = architecture;
  plan.recipe.epochs = 4;
  std::vector<uint8_t> pixels(60 * 64);
  std::vector<int64_t> labels(60);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i * i % 251);
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int64_t>(i % 3);
  plan.data = {folder.array("x.npy", Array::from(std::move(pixels), {60, 8, 8})),
               folder.array("y.npy", Array::from(std::move(labels), {60}))};
  const Dataset dataset = read_dataset(plan.data, {}, {});
  write_plan(folder / "run", plan, dataset, "here");
  const miaudit::Run run = read_run(folder / "run");
  if (is_resumed) train_model(dataset, job_of(run, plan, 0), {run.checkpoint(0), 60, {}, {}}, {});

  Trained trained;
  std::atomic<int> now = 0;  // workers ask too
  ShadowOptions options;
  options.host = "here";
  options.clock = [&] { return 1e-3 * ++now; };
  options.tell = [&](const std::string& text) { trained.told.push_back(text); };
  if (is_second_done) {
    options.models = {1};
    train_shadow_models(run.path, options, {});
  }
  options.models = {0};
  Context context;
  context.progress = [&](const Progress& at) {
    if (at.stage != "shadow") return;
    trained.progress = at.detail;
    trained.work = at.total;
    EXPECT_LE(at.done, at.total);
    trained.is_all_done = at.done == at.total;
  };
  trained.report = train_shadow_models(run.path, options, context);
  return trained;
}

TEST(Shadow, WhatACheckpointSparedIsNoWork) {
  for (const char* architecture : {"logistic", "gbdt"}) {
    // 30 members 4 times, and the answers for 60 records, each a third of a sample to train on.
    const Trained whole = train(architecture, false);
    EXPECT_EQ(whole.work, 4u * 30 + 60 / 3);
    EXPECT_TRUE(whole.is_all_done);
    const Trained resumed = train(architecture, true);
    EXPECT_EQ(resumed.report.trained, 1u);
    EXPECT_EQ(resumed.work, 60u / 3);
    EXPECT_TRUE(resumed.is_all_done);
    EXPECT_EQ(resumed.told, std::vector<std::string>{"Model 0: Training was done; only the outputs were missing"});
  }
}

TEST(Shadow, ProgressCountsWhatIsDoneWhoeverDidIt) {
  EXPECT_EQ(train("logistic", false).progress, "1 of 2 models done");
  EXPECT_EQ(train("logistic", false, true).progress, "2 of 2 models done");
}

}  // namespace
}  // namespace miaudit
