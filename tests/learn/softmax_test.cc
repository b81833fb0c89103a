#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "miaudit/base/rng.h"
#include "miaudit/learn/learners.h"

namespace miaudit {
namespace {

struct Images {
  std::vector<float> features;
  std::vector<int32_t> labels;
  size_t cols;
  MatrixView<const float> view() const { return {features.data(), labels.size(), cols}; }
};

/// Labels at random: what a model gets right of them, it has memorised.
Images random_images(size_t rows, size_t cols, int32_t classes, uint64_t seed) {
  Rng rng(seed);
  Images images{std::vector<float>(rows * cols), std::vector<int32_t>(rows), cols};
  for (float& value : images.features) value = static_cast<float>(rng.uniform());
  for (int32_t& label : images.labels) label = static_cast<int32_t>(rng.below(static_cast<uint64_t>(classes)));
  return images;
}

double accuracy(const SoftmaxModel& model, const Images& images) {
  std::vector<float> logits(images.labels.size() * model.classes);
  model.logits(images.view(), {logits.data(), images.labels.size(), model.classes});
  size_t right = 0;
  for (size_t i = 0; i < images.labels.size(); ++i) {
    const auto row = std::span(logits).subspan(i * model.classes, model.classes);
    right += std::ranges::max_element(row) - row.begin() == images.labels[i];
  }
  return static_cast<double>(right) / static_cast<double>(images.labels.size());
}

TEST(Softmax, MemorisesWhatItCan) {
  const Images images = random_images(200, 300, 5, 1);
  const SoftmaxModel model = fit_softmax(images.view(), images.labels, 5, {.epochs = 100}, {});
  EXPECT_GT(accuracy(model, images), 0.99);
  EXPECT_LT(accuracy(model, random_images(2000, 300, 5, 2)), 0.3);
}

TEST(Softmax, OneStepIsTheGradient) {
  // From zero weights every probability is 1/3: the step is rate · mean over rows of (y − 1/3) xᵀ.
  const Images images{{1, 2, 3, 4, 5, 6}, {0, 2, 2}, 2};
  const SoftmaxModel model =
      fit_softmax(images.view(), images.labels, 3, {.epochs = 1, .batch = 3, .learning_rate = 0.3}, {});
  const std::vector<double> sums = {1 - 9 / 3.0, 2 - 12 / 3.0, 1 - 1.0, -3.0, -4.0, -1.0, 8 - 3.0, 10 - 4.0, 2 - 1.0};
  for (size_t w = 0; w < 9; ++w) EXPECT_NEAR(model.weights[w], 0.1 * sums[w], 1e-6) << w;
}

TEST(Softmax, LogitsAreTheProductAndTheBias) {
  SoftmaxModel model{2, 19, std::vector<float>(40)};
  std::vector<float> row(19);
  float expected = 0.5f;
  for (size_t j = 0; j < 19; ++j) {
    row[j] = static_cast<float>(j);
    model.weights[20 + j] = static_cast<float>(1 + j % 4);
    expected += row[j] * model.weights[20 + j];
  }
  model.weights[39] = 0.5f;
  std::vector<float> out(2);
  model.logits({row.data(), 1, 19}, {out.data(), 1, 2});
  EXPECT_EQ(out[0], 0);
  EXPECT_EQ(out[1], expected);
}

TEST(Softmax, SameSeedSameBytes) {
  const Images images = random_images(100, 30, 4, 3);
  const auto fit = [&](uint64_t seed, int threads) {
    Context context;
    context.threads = threads;
    return fit_softmax(images.view(), images.labels, 4, {.epochs = 5, .seed = seed}, context).weights;
  };
  EXPECT_EQ(fit(1, 1), fit(1, 8));
  EXPECT_NE(fit(1, 1), fit(2, 1));
}

TEST(Softmax, ReportsEveryEpoch) {
  const Images images = random_images(10, 3, 2, 4);
  std::vector<uint64_t> seen;
  Context context;
  context.progress = [&](const Progress& progress) {
    EXPECT_EQ(progress.stage, "train");
    EXPECT_EQ(progress.total, 3u);
    seen.push_back(progress.done);
  };
  fit_softmax(images.view(), images.labels, 2, {.epochs = 3}, context);
  EXPECT_EQ(seen, (std::vector<uint64_t>{0, 1, 2, 3}));
}

TEST(Softmax, RefusesLabelsOutOfRange) {
  const Images images{{1, 2}, {0, 3}, 1};
  try {
    fit_softmax(images.view(), images.labels, 3, {}, {});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::input);
    EXPECT_STREQ(error.what(), "label 3 of record 1 is not in 0 … 2");
  }
  EXPECT_THROW(fit_softmax(images.view(), std::vector<int32_t>{0}, 3, {}, {}), Error);
}

}  // namespace
}  // namespace miaudit
