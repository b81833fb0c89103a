#include "miaudit/learn/boosting.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "miaudit/base/rng.h"

namespace miaudit {
namespace {

struct Rows {
  std::vector<float> features;
  std::vector<int32_t> labels;
  MatrixView<const float> view() const { return {features.data(), labels.size(), 3}; }
};

/// The class is the largest of three features.
Rows made_rows(size_t rows) {
  Rng rng(1);
  Rows made;
  for (size_t i = 0; i < rows; ++i) {
    float values[3];
    for (float& value : values) value = static_cast<float>(rng.normal());
    made.features.insert(made.features.end(), values, values + 3);
    made.labels.push_back(static_cast<int32_t>(std::max_element(values, values + 3) - values));
  }
  return made;
}

TEST(ClassTrees, LearnClassesTheSameWayEveryTime) {
  const Rows rows = made_rows(2000);
  const auto trees = fit_class_trees(rows.features, rows.labels, 3, {.rounds = 30}, {});
  std::vector<float> logits(6000), again(6000);
  trees->logits(rows.view(), logits);
  size_t right = 0;
  for (size_t i = 0; i < 2000; ++i) {
    const auto row = std::span(logits).subspan(3 * i, 3);
    right += std::max_element(row.begin(), row.end()) - row.begin() == rows.labels[i];
  }
  EXPECT_GT(right, 1900u);
  fit_class_trees(rows.features, rows.labels, 3, {.rounds = 30}, {})->logits(rows.view(), again);
  EXPECT_EQ(logits, again);
  const std::vector<uint8_t> json = trees->json();
  EXPECT_EQ(json.front(), '{');
}

TEST(ClassTrees, InPartsAreTheSameBytes) {
  const Rows rows = made_rows(700);
  const BoostingOptions options{.rounds = 12, .learning_rate = 0.3, .max_depth = 4, .seed = 5};
  const auto whole = fit_class_trees(rows.features, rows.labels, 3, options, {});
  std::vector<float> logits(2100), again(2100);
  whole->logits(rows.view(), logits);
  for (const size_t stopped : {size_t{1}, size_t{7}, size_t{11}}) {
    BoostingParts parts;
    parts.before_round = [&](size_t done, const ClassTrees& trees) {
      if (done == stopped) parts.trees = trees.json();
    };
    EXPECT_EQ(fit_class_trees(rows.features, rows.labels, 3, options, {}, parts)->json(), whole->json());
    parts.done = stopped;
    const auto resumed = fit_class_trees(rows.features, rows.labels, 3, options, {}, parts);
    EXPECT_EQ(resumed->json(), whole->json()) << stopped;
    resumed->logits(rows.view(), again);
    EXPECT_EQ(again, logits) << stopped;
  }
  EXPECT_THROW(fit_class_trees(rows.features, rows.labels, 3, options, {}, {3, whole->json(), {}}), Error);
  EXPECT_THROW(fit_class_trees(rows.features, rows.labels, 3, options, {}, {3, {'{', '}'}, {}}), Error);
}

}  // namespace
}  // namespace miaudit
