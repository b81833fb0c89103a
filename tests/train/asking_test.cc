#include "miaudit/train/asking.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>

#include "miaudit/io/formats.h"
#include "tests/train/made_data.h"

namespace miaudit {
namespace {

using testing::Folder;

constexpr const char* kFingerprint = "a job on some data";
constexpr const char* kEngine = "an engine";

struct Heard {
  std::vector<float> logits;
  size_t batches = 0;
  std::string told;
  bool is_stopped = false;
};

/// Asks a small network with 18 views of 200 images: 15 batches. Stops after so many.
class Asking18 {
 public:
  Asking18() {
    TrainingJob job;
    job.recipe.architecture = "logistic";
    job.recipe.epochs = 1;
    job.members = draw_members(dataset_.size(), 100, 5, 0);
    model_ = train_model(dataset_, job, {}, {});
  }
  Heard operator()(const std::filesystem::path& checkpoint, size_t stop_after = SIZE_MAX, size_t queries = 18,
                   const std::string& engine = kEngine) const {
    Heard heard;
    std::atomic<bool> cancelled = false;
    Context context;
    context.cancelled = &cancelled;
    context.progress = [&](const Progress&) { cancelled = ++heard.batches == stop_after; };
    Keeping keeping;
    keeping.checkpoint = checkpoint;
    keeping.tell = [&](const std::string& sentence) { heard.told += sentence; };
    try {
      heard.logits =
          ask(*model_, dataset_, query_views(queries, dataset_.shape), kFingerprint, engine, keeping, context);
    } catch (const Error& error) {
      heard.is_stopped = error.category() == Category::interrupted;
    }
    return heard;
  }

 private:
  Dataset dataset_ = testing::made_images(200, {1, 16, 16}, 3);
  std::unique_ptr<TrainedModel> model_;
};

TEST(Ask, GoesOnWhereItWasStopped) {
  const Folder folder;
  const auto checkpoint = folder / "0000.npz";
  const Asking18 ask;
  const Heard straight = ask({});
  ASSERT_EQ(straight.batches, 15u);
  const Heard first = ask(checkpoint, 5), second = ask(checkpoint, 4);
  EXPECT_TRUE(first.is_stopped && second.is_stopped);
  EXPECT_EQ(second.told, "36 % of the outputs were kept");
  const Heard rest = ask(checkpoint);
  EXPECT_EQ(rest.batches, 15u - 5 - 4);
  EXPECT_EQ(rest.logits, straight.logits);
  EXPECT_FALSE(std::filesystem::exists(checkpoint)) << "that is the training's";
}

TEST(Ask, KeepsNothingWithoutAPlaceForIt) {
  const Asking18 ask;
  EXPECT_TRUE(ask({}, 3).is_stopped);
  EXPECT_EQ(ask({}).batches, 15u);
}

TEST(Ask, UsesNoAnswersOfAnotherEngineOrOtherViewsNorWhatIsBroken) {
  const Folder folder;
  const std::filesystem::path checkpoint = folder / "0000.npz", answers = answers_beside(checkpoint);
  const Asking18 ask;
  const std::vector<float> straight = ask({}).logits;
  const auto stop_again = [&] {
    std::filesystem::remove(answers);
    ASSERT_TRUE(ask(checkpoint, 6).is_stopped && std::filesystem::exists(answers));
  };
  const auto expect_all_asked = [&](const Heard& heard, size_t batches) { EXPECT_EQ(heard.batches, batches); };
  stop_again();
  expect_all_asked(ask(checkpoint, SIZE_MAX, 18, "another engine"), 15);
  stop_again();
  expect_all_asked(ask(checkpoint, SIZE_MAX, 2), 2);
  stop_again();
  std::filesystem::resize_file(answers, 1000);
  const Heard broken = ask(checkpoint);
  expect_all_asked(broken, 15);
  EXPECT_EQ(broken.logits, straight);
  EXPECT_NE(broken.told.find("Its outputs are asked for from the start: the checkpoint cannot be used: "),
            std::string::npos)
      << broken.told;

  // Rows past a whole batch are asked again.
  stop_again();
  std::vector<NamedArray> kept = read_npz(answers);
  for (NamedArray& array : kept)
    if (array.name == "answers/logits")
      array.array = Array::from(std::vector<float>(straight.begin(), straight.begin() + 300 * 3), {300, 3});
  write_npz(answers, kept, Compression::stored);
  const Heard odd = ask(checkpoint);
  EXPECT_EQ(odd.batches, 14u);
  EXPECT_EQ(odd.logits, straight);

  // Whole files that do not fit.
  stop_again();
  for (const std::vector<size_t>& shape : {std::vector<size_t>{256, 2}, {4096, 3}, {768}}) {
    std::vector<NamedArray> arrays = read_npz(answers);
    size_t size = 1;
    for (const size_t length : shape) size *= length;
    for (NamedArray& array : arrays)
      if (array.name == "answers/logits") array.array = Array::from(std::vector<float>(size), shape);
    write_npz(answers, arrays, Compression::stored);
    const Heard heard = ask(checkpoint);
    expect_all_asked(heard, 15);
    EXPECT_EQ(heard.logits, straight);
  }
}

}  // namespace
}  // namespace miaudit
