#include <gtest/gtest.h>

#include <cmath>
#include <span>

#include "miaudit/engine/loss.h"
#include "miaudit/engine/network.h"

namespace miaudit {
namespace {

#include "tests/engine/torch_gradients.inc"

constexpr size_t kBatch = 4;

Architecture every_layer() {
  Architecture network{"every layer", {2, 9, 8}, 3, {}};
  network.layers = {
      {.kind = LayerKind::convolution, .input = 0, .units = 5, .kernel = 3, .padding = 1},
      {.kind = LayerKind::batch_norm, .input = 1},
      {.kind = LayerKind::relu, .input = 2},
      {.kind = LayerKind::convolution, .input = 3, .units = 5, .kernel = 3, .padding = 1, .has_bias = false},
      {.kind = LayerKind::batch_norm, .input = 4},
      {.kind = LayerKind::add, .input = 5, .other = 3},
      {.kind = LayerKind::relu, .input = 6},
      {.kind = LayerKind::max_pool, .input = 7, .kernel = 2, .stride = 2},
      {.kind = LayerKind::convolution, .input = 8, .units = 6, .kernel = 2, .padding = 1},
      {.kind = LayerKind::relu, .input = 9},
      {.kind = LayerKind::average_pool, .input = 10, .kernel = 2, .stride = 2},
      {.kind = LayerKind::dense, .input = 11, .units = 7},
      {.kind = LayerKind::relu, .input = 12},
      {.kind = LayerKind::dense, .input = 13, .units = 3},
  };
  return network;
}

std::vector<float> filled(size_t size, double phase, double scale, double around) {
  std::vector<float> values(size);
  for (size_t i = 0; i < size; ++i) {
    const double at = static_cast<double>(i);
    values[i] = static_cast<float>(
        static_cast<double>(static_cast<float>(scale * std::sin(phase + 0.7 * at + 0.01 * at * at))) + around);
  }
  return values;
}

struct Golden {
  std::span<const double> logits;
  std::span<const double[6]> gradients;
};

/// The scale of a parameter's weights in the named networks.
double scale_of(const Parameter& parameter) {
  return parameter.shape.size() > 1 ? 1.5 / std::sqrt(static_cast<double>(parameter.fan_in)) : 0.1;
}

// The second opinion beside the twin: PyTorch's own step.
void expect_pytorchs_step(const Architecture& architecture, const Golden& golden, bool is_named) {
  SCOPED_TRACE(architecture.name);
  const std::vector<Parameter> all = parameters(architecture);
  const auto network = make_network(architecture, kBatch, Precision::float32, Purpose::training);
  std::vector<size_t> trained;
  for (size_t p = 0; p < all.size(); ++p)
    if (all[p].is_trained) trained.push_back(p);
  ASSERT_EQ(trained.size(), golden.gradients.size());
  for (size_t t = 0; t < trained.size(); ++t) {
    const Parameter& parameter = all[trained[t]];
    const bool is_norms_weight = parameter.fan_in == 0 && parameter.name.ends_with(".weight");
    const std::vector<float> plain = filled(parameter.size(), 1.3 * static_cast<double>(t),
                                            is_named ? scale_of(parameter) : 0.3, is_norms_weight ? 1 : 0);
    network->from_plain(trained[t], plain, network->slots()[trained[t]].weights);
  }
  const std::vector<float> records = filled(kBatch * architecture.input.size(), 0.3, 1, 0);
  std::copy(records.begin(), records.end(), network->records().begin());
  const std::span<const float> logits = network->forward();
  ASSERT_EQ(logits.size(), golden.logits.size());
  double largest_logit = 1;
  for (const double z : golden.logits) largest_logit = std::max(largest_logit, std::abs(z));
  for (size_t i = 0; i < logits.size(); ++i) EXPECT_NEAR(logits[i], golden.logits[i], 1e-5 * largest_logit);
  const std::vector<int32_t> labels = {0, 1, 2, 0};
  std::vector<float> gradient(logits.size());
  const BatchLoss loss = softmax_cross_entropy(logits, labels, 3, 0.1f, gradient);
  if (!is_named) {
    EXPECT_NEAR(loss.sum / kBatch, kLoss, 1e-6);
  }
  network->backward(gradient);

  for (size_t t = 0; t < trained.size(); ++t) {
    const Parameter& parameter = all[trained[t]];
    std::vector<float> plain(parameter.size());
    network->to_plain(trained[t], network->slots()[trained[t]].gradient, plain);
    double sum = 0, squares = 0, largest = 0;
    for (const float value : plain) {
      sum += static_cast<double>(value);
      squares += static_cast<double>(value) * static_cast<double>(value);
      largest = std::max(largest, static_cast<double>(std::abs(value)));
    }
    // The bias in front of a batch norm has a gradient of 0: what comes out is rounding beside the layer's others.
    const double scale = std::max(largest, 0.01), size = static_cast<double>(plain.size());
    const double* expected = golden.gradients[t];
    EXPECT_NEAR(sum, expected[0], 1e-5 * scale * size) << parameter.name;
    EXPECT_NEAR(squares, expected[1], 2e-5 * scale * scale * size) << parameter.name;
    for (size_t i = 0; i < std::min<size_t>(4, plain.size()); ++i)
      EXPECT_NEAR(plain[i], expected[2 + i], 1e-5 * scale) << parameter.name << " [" << i << "]";
  }
}

TEST(Torch, AStepOfEveryLayerIsPyTorchs) {
  expect_pytorchs_step(every_layer(), {kLogits, kGradients}, false);
}

TEST(Torch, AStepOfEveryNamedArchitectureIsPyTorchs) {
  expect_pytorchs_step(make_architecture("logistic", {7, 1, 1}, 3), {kLogisticLogits, kLogisticGradients}, true);
  expect_pytorchs_step(make_architecture("mlp", {1, 6, 5}, 3), {kMlpLogits, kMlpGradients}, true);
  expect_pytorchs_step(make_architecture("cnn-small", {1, 28, 28}, 3), {kCnnSmallLogits, kCnnSmallGradients}, true);
  expect_pytorchs_step(make_architecture("cnn", {1, 28, 28}, 3), {kCnnLogits, kCnnGradients}, true);
  expect_pytorchs_step(make_architecture("cnn", {3, 32, 32}, 3), {kCnnOfColoursLogits, kCnnOfColoursGradients}, true);
  expect_pytorchs_step(make_architecture("resnet20", {3, 8, 8}, 3), {kResnet20Logits, kResnet20Gradients}, true);
}

}  // namespace
}  // namespace miaudit
