#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "miaudit/base/rng.h"
#include "miaudit/learn/learners.h"

namespace miaudit {
namespace {

struct Data {
  std::vector<float> features;
  std::vector<uint8_t> labels;
  size_t cols;
  MatrixView<const float> view() const { return {features.data(), labels.size(), cols}; }
  TrainingSet set() const { return {view(), labels}; }
};

/// Label 1 with a feature shifted by `shift`, and two of noise.
Data shifted(size_t rows, double shift, double share, uint64_t seed) {
  Rng rng(seed);
  Data data{{}, {}, 3};
  for (size_t i = 0; i < rows; ++i) {
    const bool label = rng.uniform() < share;
    data.labels.push_back(label);
    data.features.push_back(static_cast<float>(rng.normal() + (label ? shift : 0)));
    data.features.push_back(static_cast<float>(1e4 + rng.normal()));
    data.features.push_back(static_cast<float>(1e-6 * rng.normal()));
  }
  return data;
}

std::vector<double> scores(const BinaryClassifier& classifier, const Data& data) {
  std::vector<double> out(data.labels.size());
  classifier.score(data.view(), out);
  return out;
}

double auc(std::span<const double> scores, std::span<const uint8_t> labels) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) { return scores[i]; });
  double rank_sum = 0, members = 0;
  for (size_t i = 0; i < order.size();) {
    size_t j = i;
    while (j < order.size() && scores[order[j]] == scores[order[i]]) ++j;
    for (size_t k = i; k < j; ++k)
      if (labels[order[k]]) rank_sum += static_cast<double>(i + j + 1) / 2, ++members;
    i = j;
  }
  return (rank_sum - members * (members + 1) / 2) / (members * (static_cast<double>(scores.size()) - members));
}

TEST(Logistic, ClosedFormOnOneBinaryFeature) {
  // Four cells: x = 0 with 30 of label 0 and 10 of label 1, x = 1 with 20 and 40: without a penalty the odds are the
  // cells'.
  Data data{{}, {}, 1};
  const auto add = [&](float x, uint8_t label, int count) {
    for (int i = 0; i < count; ++i) data.features.push_back(x), data.labels.push_back(label);
  };
  add(0, 0, 30), add(0, 1, 10), add(1, 0, 20), add(1, 1, 40);
  const auto classifier = fit_logistic(data.set(), {.l2 = 1e-9}, {});
  const std::vector<double> odds = scores(*classifier, data);
  EXPECT_NEAR(odds.front(), std::log(10.0 / 30), 1e-7);
  EXPECT_NEAR(odds.back(), std::log(40.0 / 20), 1e-7);
}

TEST(Logistic, BothLabelsWeighTheSame) {
  // The base rate of 10 % must not show: the same cells, label 1 thinned tenfold.
  Data data{{}, {}, 1};
  const auto add = [&](float x, uint8_t label, int count) {
    for (int i = 0; i < count; ++i) data.features.push_back(x), data.labels.push_back(label);
  };
  add(0, 0, 300), add(0, 1, 10), add(1, 0, 200), add(1, 1, 40);
  const std::vector<double> odds = scores(*fit_logistic(data.set(), {.l2 = 1e-9}, {}), data);
  EXPECT_NEAR(odds.front(), std::log(0.2 / 0.6), 1e-7);
  EXPECT_NEAR(odds.back(), std::log(0.8 / 0.4), 1e-7);
}

TEST(Logistic, SeparableDataConverge) {
  const Data data = shifted(2000, 50, 0.5, 2);
  const std::vector<double> odds = scores(*fit_logistic(data.set(), {}, {}), data);
  for (size_t i = 0; i < odds.size(); ++i) {
    ASSERT_TRUE(std::isfinite(odds[i]));
    EXPECT_EQ(odds[i] > 0, data.labels[i] == 1);
  }
}

TEST(Logistic, ConstantAndDuplicateFeaturesAreHarmless) {
  Data data{{}, {}, 4};
  Rng rng(3);
  for (int i = 0; i < 500; ++i) {
    const bool label = i % 2;
    const float x = static_cast<float>(rng.normal() + label);
    data.labels.push_back(label);
    for (const float value : {x, 0.1f, x, 1e30f}) data.features.push_back(value);
  }
  const std::vector<double> odds = scores(*fit_logistic(data.set(), {}, {}), data);
  for (const double value : odds) ASSERT_TRUE(std::isfinite(value));
  EXPECT_GT(auc(odds, data.labels), 0.7);
}

TEST(Logistic, DoesNotMindScaleOrOffset) {
  const Data data = shifted(1000, 1, 0.3, 4);
  Data moved = data;
  for (size_t i = 0; i < 1000; ++i) moved.features[3 * i] = 1024 * moved.features[3 * i];
  const std::vector<double> a = scores(*fit_logistic(data.set(), {}, {}), data);
  const std::vector<double> b = scores(*fit_logistic(moved.set(), {}, {}), moved);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-9);
}

TEST(Trees, FindWhatNoLineCan) {
  // Label 1 in two opposite quadrants.
  Rng rng(5);
  Data data{{}, {}, 2};
  for (int i = 0; i < 4000; ++i) {
    const double x = rng.normal(), y = rng.normal();
    data.labels.push_back(x * y > 0);
    data.features.push_back(static_cast<float>(x));
    data.features.push_back(static_cast<float>(y));
  }
  EXPECT_GT(auc(scores(*fit_trees(data.set(), {}, {}), data), data.labels), 0.98);
  EXPECT_LT(auc(scores(*fit_logistic(data.set(), {}, {}), data), data.labels), 0.6);
}

TEST(Trees, SameBytesEveryRun) {
  const Data data = shifted(5000, 1, 0.5, 6);
  const std::vector<double> first = scores(*fit_trees(data.set(), {}, {}), data);
  Context four;
  four.threads = 4;
  for (int run = 0; run < 3; ++run) EXPECT_EQ(scores(*fit_trees(data.set(), {}, four), data), first);
}

TEST(Trees, BothLabelsWeighTheSame) {
  const Data data = shifted(20'000, 0, 0.02, 7);
  const std::vector<double> odds = scores(*fit_trees(data.set(), {.trees = 5}, {}), data);
  EXPECT_LT(std::abs(std::accumulate(odds.begin(), odds.end(), 0.0) / static_cast<double>(odds.size())), 0.5);
}

TEST(Trees, ScoreOneRowAsAmongMany) {
  const Data data = shifted(300, 1, 0.5, 8);
  const auto classifier = fit_trees(data.set(), {}, {});
  const std::vector<double> together = scores(*classifier, data);
  for (size_t i = 0; i < 300; i += 37) {
    double alone = 0;
    classifier->score({data.view().row(i).data(), 1, 3}, {&alone, 1});
    EXPECT_EQ(alone, together[i]);
  }
}

TEST(Classifiers, RefuseWhatCannotBeFitted) {
  Data one_sided = shifted(50, 0, 2, 9);
  Data broken = shifted(50, 0, 0.5, 9);
  broken.features[7] = std::numeric_limits<float>::quiet_NaN();
  for (const Data* data : {&one_sided, &broken}) {
    EXPECT_THROW(fit_logistic(data->set(), {}, {}), Error);
    EXPECT_THROW(fit_trees(data->set(), {}, {}), Error);
  }
  const Data fine = shifted(50, 0, 0.5, 9);
  EXPECT_THROW(fit_logistic(fine.set(), {.l2 = 0}, {}), Error);
  std::vector<double> out(50);
  EXPECT_THROW(fit_trees(fine.set(), {}, {})->score({fine.features.data(), 75, 2}, out), Error);
}

TEST(Trees, SayWhatXgboostRefuses) {
  const Data data = shifted(50, 0, 0.5, 9);
  try {
    fit_trees(data.set(), {.learning_rate = -1}, {});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::internal);
    EXPECT_NE(std::string(error.what()).find("XGBoost"), std::string::npos);
  }
}

TEST(Classifiers, StopOnRequest) {
  const Data data = shifted(50, 0, 0.5, 9);
  const std::atomic<bool> cancelled = true;
  Context context;
  context.cancelled = &cancelled;
  EXPECT_THROW(fit_logistic(data.set(), {}, context), Error);
  EXPECT_THROW(fit_trees(data.set(), {}, context), Error);
}

}  // namespace
}  // namespace miaudit
