#include "miaudit/train/trainer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <fstream>
#include <numeric>
#include <thread>

#include "miaudit/engine/network.h"
#include "tests/train/made_data.h"

namespace miaudit {
namespace {

using testing::Folder;

TrainingJob job_of(const Dataset& dataset, const std::string& architecture, size_t epochs = 3) {
  TrainingJob job;
  job.recipe.architecture = architecture;
  job.recipe.epochs = epochs;
  job.recipe.batch = 32;
  job.seed = 5;
  job.members = draw_members(dataset.size(), dataset.size() / 2, 5, 0);
  return job;
}

std::vector<float> all_logits(const TrainedModel& model, const Dataset& dataset, size_t queries = 1) {
  std::vector<uint32_t> all(dataset.size());
  std::iota(all.begin(), all.end(), 0u);
  std::vector<float> logits(all.size() * queries * dataset.classes);
  model.logits(dataset, all, query_views(queries, dataset.shape), logits, {});
  return logits;
}

std::vector<float> trained_logits(const Dataset& dataset, const TrainingJob& job, const Keeping& keeping = {}) {
  return all_logits(*train_model(dataset, job, keeping, {}), dataset);
}

double accuracy(const std::vector<float>& logits, const Dataset& dataset) {
  size_t right = 0;
  for (size_t i = 0; i < dataset.size(); ++i) {
    const auto row = std::span(logits).subspan(i * dataset.classes, dataset.classes);
    right += std::max_element(row.begin(), row.end()) - row.begin() == dataset.labels[i];
  }
  return static_cast<double>(right) / static_cast<double>(dataset.size());
}

TEST(Trainer, EveryKindOfModelLearns) {
  for (const char* architecture : {"logistic", "mlp", "cnn-small", "cnn", "resnet20", "gbdt"}) {
    const Dataset dataset = testing::made_images(400, {1, 16, 16}, 4);
    TrainingJob job = job_of(dataset, architecture, 6);
    if (job.recipe.architecture == "gbdt") job.recipe.optimizer.rate = 0.3, job.recipe.epochs = 10;
    const auto model = train_model(dataset, job, {}, {});
    EXPECT_GT(accuracy(all_logits(*model, dataset), dataset), 0.95) << architecture;
    const std::vector<EpochFigures>& history = model->history();
    ASSERT_EQ(history.size(), job.recipe.architecture == "gbdt" ? 1u : 6u);
    EXPECT_LT(history.back().loss, 0.3) << architecture;
    EXPECT_GT(history.back().accuracy, 0.95) << architecture;
  }
}

/// Recipes that between them use all that a checkpoint must keep.
std::vector<TrainingJob> thorough_jobs(const Dataset& dataset) {
  TrainingJob sgd = job_of(dataset, "cnn-small"), adam = sgd, norms = sgd, trees = sgd;
  sgd.recipe.optimizer.is_nesterov = true;
  sgd.recipe.optimizer.weight_decay = 1e-3;
  sgd.recipe.mirror = true;
  sgd.recipe.shift = 2;
  sgd.recipe.label_smoothing = 0.1;
  adam.recipe.architecture = "mlp";
  adam.recipe.optimizer.descent = Descent::adam;
  adam.recipe.optimizer.rate = 1e-3;
  adam.recipe.optimizer.warm_up = 0.2;
  adam.recipe.optimizer.decline = Decline::steps;
  norms.recipe.architecture = "resnet20";
  norms.recipe.optimizer.average = 0.9;
  trees.recipe.architecture = "gbdt";
  trees.recipe.epochs = 10;  // rounds
  return {sgd, adam, norms, trees};
}

TEST(Trainer, SameBytesWhateverRunsBeside) {
  const Dataset dataset =
      testing::made_images(150, {1, 16, 16}, 3);  // batches of 32: the last of an epoch is filled up
  for (const TrainingJob& job : thorough_jobs(dataset)) {
    const std::vector<float> alone = trained_logits(dataset, job);
    std::vector<float> first, second;
    std::thread other([&] { first = trained_logits(dataset, job); });
    second = trained_logits(dataset, job);
    other.join();
    EXPECT_EQ(alone, first) << job.recipe.architecture;
    EXPECT_EQ(alone, second) << job.recipe.architecture;
  }
}

TEST(Trainer, EverythingInAJobMatters) {
  const Dataset dataset = testing::made_images(150, {1, 16, 16}, 3);
  const TrainingJob job = job_of(dataset, "cnn-small", 1);
  const std::vector<float> logits = trained_logits(dataset, job);
  const std::string id = fingerprint(job, dataset);
  using Change = void (*)(TrainingJob&);
  const Change changes[] = {
      [](TrainingJob& j) { j.seed = 6; },
      [](TrainingJob& j) { j.model = 1; },
      [](TrainingJob& j) { j.members.pop_back(); },
      [](TrainingJob& j) { j.recipe.batch = 31; },
      [](TrainingJob& j) { j.recipe.optimizer.rate = 0.051; },
      [](TrainingJob& j) { j.recipe.optimizer.momentum = 0.8; },
      [](TrainingJob& j) { j.recipe.optimizer.is_nesterov = true; },
      [](TrainingJob& j) { j.recipe.optimizer.weight_decay = 0.01; },
      [](TrainingJob& j) { j.recipe.optimizer.decline = Decline::constant; },
      [](TrainingJob& j) { j.recipe.optimizer.warm_up = 0.9; },
      [](TrainingJob& j) { j.recipe.optimizer.average = 0.9; },
      [](TrainingJob& j) { j.recipe.optimizer.descent = Descent::adam; },
      [](TrainingJob& j) { j.recipe.label_smoothing = 0.2; },
      [](TrainingJob& j) { j.recipe.mirror = true; },
      [](TrainingJob& j) { j.recipe.shift = 1; },
      [](TrainingJob& j) { j.recipe.epochs = 2; },
  };
  for (const Change& change : changes) {
    TrainingJob other = job;
    change(other);
    EXPECT_NE(fingerprint(other, dataset), id) << "change " << &change - changes;
    EXPECT_NE(trained_logits(dataset, other), logits) << "change " << &change - changes;
  }
}

/// Stops the training after so many steps, as Ctrl-C would.
bool interrupt(const Dataset& dataset, const TrainingJob& job, const Keeping& keeping, int steps) {
  std::atomic<bool> cancelled = false;
  Context context;
  context.cancelled = &cancelled;
  context.progress = [&](const Progress&) { cancelled = --steps <= 0; };
  try {
    train_model(dataset, job, keeping, context);
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::checkpointed) << error.what();
    return true;
  }
  return false;
}

TEST(Trainer, GoesOnFromACheckpointToTheSameBytes) {
  const Dataset dataset = testing::made_images(150, {1, 16, 16}, 3);
  for (const TrainingJob& job : thorough_jobs(dataset)) {
    const auto whole = train_model(dataset, job, {}, {});
    const std::vector<float> logits = all_logits(*whole, dataset);
    for (const int steps : {1, 2, 3, 4, 7}) {  // of 9, three an epoch, or of 10 rounds
      const Folder folder;
      std::string told;
      const Keeping keeping{folder / "checkpoint.npz", 60, {}, [&](const std::string& text) { told = text; }};
      ASSERT_TRUE(interrupt(dataset, job, keeping, steps));
      ASSERT_TRUE(interrupt(dataset, job, keeping, 1));
      const auto resumed = train_model(dataset, job, keeping, {});
      EXPECT_NE(told.find("went on"), std::string::npos);
      EXPECT_EQ(all_logits(*resumed, dataset), logits) << job.recipe.architecture << " after " << steps;
      ASSERT_EQ(resumed->history().size(), whole->history().size());
      for (size_t e = 0; e < whole->history().size(); ++e)
        EXPECT_EQ(resumed->history()[e].loss, whole->history()[e].loss);
    }
  }
}

TEST(Trainer, AStrangeCheckpointIsNotUsed) {
  const Dataset dataset = testing::made_images(150, {1, 16, 16}, 3);
  const TrainingJob job = job_of(dataset, "mlp");
  const std::vector<float> logits = trained_logits(dataset, job);
  const Folder folder;
  std::string told;
  const Keeping keeping{folder / "checkpoint.npz", 60, {}, [&](const std::string& text) { told = text; }};
  TrainingJob other = job;
  other.recipe.optimizer.rate = 0.01;
  ASSERT_TRUE(interrupt(dataset, other, keeping, 4));
  auto model = train_model(dataset, job, keeping, {});
  EXPECT_NE(told.find("another job"), std::string::npos) << told;
  EXPECT_EQ(all_logits(*model, dataset), logits);

  std::filesystem::remove(keeping.checkpoint);
  ASSERT_TRUE(interrupt(dataset, job, keeping, 4));
  std::vector<NamedArray> arrays = read_npz(keeping.checkpoint);
  for (NamedArray& array : arrays)
    if (array.name == "engine") array.array = Array::from(std::vector<uint8_t>{'x'}, {1});
  write_npz(keeping.checkpoint, arrays, Compression::stored);
  model = train_model(dataset, job, keeping, {});
  EXPECT_NE(told.find("made by x, here is " + engine_name()), std::string::npos) << told;
  EXPECT_EQ(all_logits(*model, dataset), logits);

  std::filesystem::remove(keeping.checkpoint);
  train_model(dataset, job, keeping, {});
  arrays = read_npz(keeping.checkpoint);
  for (NamedArray& array : arrays)
    if (array.name == "history") array.array = Array::from(std::vector<double>(), {0, 2});
  write_npz(keeping.checkpoint, arrays, Compression::stored);
  model = train_model(dataset, job, keeping, {});
  EXPECT_NE(told.find("its history does not reach it"), std::string::npos) << told;
  EXPECT_EQ(model->history().size(), job.recipe.epochs);
  EXPECT_EQ(all_logits(*model, dataset), logits);

  std::ofstream(keeping.checkpoint) << "rubbish";
  model = train_model(dataset, job, keeping, {});
  EXPECT_NE(told.find("cannot be used"), std::string::npos) << told;
  EXPECT_EQ(all_logits(*model, dataset), logits);
}

TEST(Trainer, KeepsACheckpointWhenTheClockSays) {
  const Dataset dataset = testing::made_images(150, {1, 16, 16}, 3);
  const TrainingJob job = job_of(dataset, "mlp", 4);  // twelve steps
  const Folder folder;
  double now = 0;
  int written = 0;
  Context context;
  const Keeping keeping{folder / "checkpoint.npz", 2.5, [&] { return now; }, {}};
  context.progress = [&](const Progress&) {
    written += std::filesystem::remove(keeping.checkpoint);
    now += 1;
  };
  train_model(dataset, job, keeping, context);
  EXPECT_EQ(written, 3) << "seconds 3, 6 and 9; the last one is kept when the training is done";
  EXPECT_TRUE(std::filesystem::exists(keeping.checkpoint));
}

TEST(Trainer, SaysWhenItDiverges) {
  const Dataset dataset = testing::made_images(150, {1, 16, 16}, 3);
  TrainingJob job = job_of(dataset, "mlp", 30);
  job.recipe.optimizer.rate = 500;
  try {
    train_model(dataset, job, {}, {});
    FAIL() << "it did not diverge";
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::numeric);
    EXPECT_NE(std::string(error.what()).find("lower --rate (500)"), std::string::npos) << error.what();
  }
}

TEST(Trainer, RefusesWhatCannotBeTrained) {
  const Dataset images = testing::made_images(40, {1, 16, 16}, 2), small = testing::made_images(40, {1, 8, 8}, 2);
  const auto refusal = [](const Dataset& dataset, TrainingJob job) {
    try {
      check_trainable(job, dataset);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(refusal(images, job_of(images, "cnn")), "");
  EXPECT_NE(refusal(small, job_of(small, "cnn")).find("the smallest are 16x16"), std::string::npos);
  EXPECT_NE(refusal(images, job_of(images, "cmn")).find("did you mean 'cnn'?"), std::string::npos);
  TrainingJob job = job_of(images, "cnn");
  job.recipe.shift = 16;
  EXPECT_NE(refusal(images, job).find("the most is 15"), std::string::npos);
  job = job_of(images, "gbdt");
  job.recipe.mirror = true;
  EXPECT_NE(refusal(images, job).find("gbdt"), std::string::npos);
  job = job_of(images, "cnn");
  std::erase_if(job.members, [&](uint32_t member) { return images.labels[member] == 1; });
  EXPECT_NE(refusal(images, job).find("two classes"), std::string::npos);
  job = job_of(images, "cnn");
  job.recipe.optimizer.rate = 0;
  EXPECT_NE(refusal(images, job).find("--rate 0"), std::string::npos);
  job.recipe.optimizer.rate = std::nan("");
  EXPECT_NE(refusal(images, job).find("--rate nan"), std::string::npos);
}

TEST(Trainer, QueriesAreTheRecordMirroredAndMoved) {
  const Dataset dataset = testing::made_images(30, {1, 16, 16}, 2);
  const auto model = train_model(dataset, job_of(dataset, "cnn-small", 1), {}, {});
  const std::vector<float> one = all_logits(*model, dataset), many = all_logits(*model, dataset, 18);
  for (size_t i = 0; i < dataset.size(); ++i)
    for (size_t k = 0; k < 2; ++k) {
      EXPECT_NEAR(one[i * 2 + k], many[i * 36 + k], 1e-5);
      EXPECT_NE(many[i * 36 + k], many[i * 36 + 2 + k]) << "another view";
    }
}

TEST(Trainer, Bf16IsRightOrRefused) {
  const Dataset dataset = testing::made_images(400, {1, 16, 16}, 4);
  TrainingJob job = job_of(dataset, "cnn-small", 6);
  job.recipe.precision = Precision::bf16;
  const std::string why = why_unsupported(Precision::bf16);
  if (why.empty()) {
    EXPECT_GT(accuracy(trained_logits(dataset, job), dataset), 0.95);
    return;
  }
  EXPECT_NE(why.find("AVX512_BF16"), std::string::npos);
  EXPECT_THROW(train_model(dataset, job, {}, {}), Error);
}

TEST(Members, AreDrawnByTheSeedAndTheModel) {
  const std::vector<uint32_t> members = draw_members(1000, 300, 7, 0);
  EXPECT_EQ(members.size(), 300u);
  EXPECT_TRUE(std::is_sorted(members.begin(), members.end()));
  EXPECT_LT(members.back(), 1000u);
  EXPECT_EQ(std::adjacent_find(members.begin(), members.end()), members.end());
  EXPECT_EQ(members, draw_members(1000, 300, 7, 0));
  EXPECT_NE(members, draw_members(1000, 300, 8, 0));
  EXPECT_NE(members, draw_members(1000, 300, 7, 1));
}

TEST(Presets, AreSound) {
  for (const PresetRow& row : preset_table()) EXPECT_NO_THROW(check_recipe(preset_recipe(row.name))) << row.name;
  EXPECT_THROW(preset_recipe("lira"), Error);
}

}  // namespace
}  // namespace miaudit
