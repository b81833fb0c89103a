#include "miaudit/engine/optimizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "miaudit/base/rng.h"
#include "miaudit/engine/loss.h"

namespace miaudit {
namespace {

TEST(RateAt, FollowsItsSchedule) {
  OptimizerOptions options;
  options.rate = 1;
  EXPECT_DOUBLE_EQ(rate_at(options, 0, 100), 1);
  EXPECT_NEAR(rate_at(options, 50, 100), std::sqrt(0.5), 1e-12);
  options.decline = Decline::steps;
  EXPECT_DOUBLE_EQ(rate_at(options, 49, 100), 1);
  EXPECT_DOUBLE_EQ(rate_at(options, 50, 100), 0.1);
  EXPECT_DOUBLE_EQ(rate_at(options, 99, 100), 0.01);
  options.decline = Decline::constant;
  options.warm_up = 0.1;
  EXPECT_NEAR(rate_at(options, 0, 100), 0.1, 1e-12);
  EXPECT_NEAR(rate_at(options, 9, 100), 1, 1e-12);
  EXPECT_DOUBLE_EQ(rate_at(options, 10, 100), 1);
}

/// The mean loss after `steps` updates on one batch, and the average's distance from the weights.
double loss_after(const OptimizerOptions& options, size_t steps, bool& has_average) {
  constexpr size_t kBatch = 32, kClasses = 3;
  const Architecture mlp = make_architecture("mlp", {8, 1, 1}, kClasses, std::vector<size_t>{16});
  const std::vector<Parameter> all = parameters(mlp);
  const auto network = make_network(mlp, kBatch, Precision::float32, Purpose::training);
  Rng rng(3);
  for (size_t p = 0; p < all.size(); ++p) {
    std::vector<float> plain(all[p].size());
    for (float& w : plain) w = static_cast<float>(0.5 * rng.normal());
    network->from_plain(p, plain, network->slots()[p].weights);
  }
  for (float& x : network->records()) x = static_cast<float>(rng.normal());
  std::vector<int32_t> labels;
  for (size_t r = 0; r < kBatch; ++r) labels.push_back(static_cast<int32_t>(rng.below(kClasses)));

  Optimizer optimizer(options, *network, all);
  optimizer.start_average();
  std::vector<float> gradient(kBatch * kClasses);
  double sum = 0;
  for (size_t step = 0; step < steps; ++step) {
    sum = softmax_cross_entropy(network->forward(), labels, kClasses, 0, gradient).sum;
    network->backward(gradient);
    optimizer.update(step, steps);
  }
  has_average = !std::ranges::equal(optimizer.final_weights(0), network->slots()[0].weights);
  return sum / kBatch;
}

TEST(Optimizer, LearnsABatchByHeart) {
  bool has_average = false;
  for (const Descent descent : {Descent::sgd, Descent::adam}) {
    OptimizerOptions options;
    options.descent = descent;
    options.rate = descent == Descent::adam ? 0.02 : 0.1;
    EXPECT_GT(loss_after(options, 1, has_average), 0.8);
    EXPECT_LT(loss_after(options, 300, has_average), 0.1);
    EXPECT_FALSE(has_average);
    options.average = 0.9;
    loss_after(options, 20, has_average);
    EXPECT_TRUE(has_average);
  }
}

TEST(Loss, MatchesItsFormulaAndIgnoresWhatFillsUp) {
  const std::vector<float> logits = {1, 2, 0, 9, 9, 9};
  std::vector<float> gradient(6, 7.f);
  const std::vector<int32_t> labels = {0};
  const BatchLoss loss = softmax_cross_entropy(logits, labels, 3, 0.3f, gradient);
  const double total = std::exp(1.0) + std::exp(2.0) + 1, log_total = std::log(total);
  EXPECT_NEAR(loss.sum, 0.8 * (log_total - 1) + 0.1 * (log_total - 2) + 0.1 * log_total, 1e-6);
  EXPECT_EQ(loss.correct, 0u);
  EXPECT_NEAR(static_cast<double>(gradient[0]), std::exp(1.0) / total - 0.8, 1e-6);
  EXPECT_NEAR(static_cast<double>(gradient[2]), 1 / total - 0.1, 1e-6);
  for (size_t k = 3; k < 6; ++k) EXPECT_EQ(gradient[k], 0);
}

}  // namespace
}  // namespace miaudit
