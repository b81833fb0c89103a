#include "miaudit/engine/network.h"

#include <gtest/gtest.h>

#include "miaudit/base/error.h"
#include "miaudit/base/rng.h"
#include "miaudit/engine/loss.h"
#include "tests/engine/twin.h"

namespace miaudit {
namespace {

using testing::Twin;

struct Case {
  const char* name;
  Shape input;
};

/// What ctest calls it.
void PrintTo(const Case& of, std::ostream* out) {
  *out << of.name << '-' << of.input.channels << 'x' << of.input.height << 'x' << of.input.width;
}

/// A network with random weights, held beside its twin.
struct Pair {
  Architecture network;
  size_t batch;
  std::unique_ptr<Network> engine;
  std::vector<Twin::Values> weights;
  Twin::Values records;
  std::vector<int32_t> labels;

  Pair(Architecture architecture, size_t records_in_batch, Purpose purpose)
      : network(std::move(architecture)),
        batch(records_in_batch),
        engine(make_network(network, batch, Precision::float32, purpose)) {
    Rng rng(5);
    const std::vector<Parameter> all = parameters(network);
    for (size_t p = 0; p < all.size(); ++p) {
      std::vector<float> plain(all[p].size());
      const double reach = all[p].fan_in == 0 ? 0.5 : 1.5 / std::sqrt(static_cast<double>(all[p].fan_in));
      for (float& w : plain) w = static_cast<float>((all[p].fan_in == 0 ? 1 : 0) + reach * (2 * rng.uniform() - 1));
      engine->from_plain(p, plain, engine->slots()[p].weights);
      weights.emplace_back(plain.begin(), plain.end());
    }
    for (float& x : engine->records()) {
      x = static_cast<float>(rng.normal());
      records.push_back(static_cast<double>(x));
    }
    for (size_t r = 0; r < batch; ++r) labels.push_back(static_cast<int32_t>(rng.below(network.classes)));
  }
};

class Networks : public ::testing::TestWithParam<Case> {};

TEST_P(Networks, GiveTheLogitsOfTheTwin) {
  Pair pair(make_architecture(GetParam().name, GetParam().input, 5), 4, Purpose::training);
  const Twin::Values expected = Twin(pair.network, 4).logits(pair.records, pair.weights);
  const std::span<const float> logits = pair.engine->forward();
  double largest = 0;
  for (const double z : expected) largest = std::max(largest, std::abs(z));
  for (size_t k = 0; k < expected.size(); ++k)
    EXPECT_NEAR(static_cast<double>(logits[k]), expected[k], 1e-5 * largest) << k;
}

TEST_P(Networks, GiveTheGradientsOfTheTwin) {
  Pair pair(make_architecture(GetParam().name, GetParam().input, 5), 4, Purpose::training);
  Twin twin(pair.network, 4);
  std::vector<float> gradient(4 * 5);
  const BatchLoss loss = softmax_cross_entropy(pair.engine->forward(), pair.labels, 5, 0, gradient);
  pair.engine->backward(gradient);
  EXPECT_NEAR(loss.sum / 4, twin.loss(pair.records, pair.weights, pair.labels), 1e-5 * std::max(1.0, loss.sum));

  Rng rng(9);
  const int draws = pair.weights.size() > 20 ? 3 : 12;  // the twin is slow where there are many layers
  const std::vector<Parameter> all = parameters(pair.network);
  for (size_t p = 0; p < all.size(); ++p) {
    if (!all[p].is_trained) {
      EXPECT_TRUE(pair.engine->slots()[p].gradient.empty());
      continue;
    }
    std::vector<float> plain(all[p].size());
    pair.engine->to_plain(p, pair.engine->slots()[p].gradient, plain);
    float largest = 0;
    for (const float g : plain) largest = std::max(largest, std::abs(g));
    ASSERT_GT(largest, 0) << all[p].name;
    for (int draw = 0; draw < draws; ++draw) {
      const size_t k = rng.below(plain.size());
      // Small enough that few kinks of ReLU and maximum are crossed, large enough for double's rounding.
      constexpr double kStep = 1e-7;
      double& weight = pair.weights[p][k];
      const double before = weight;
      weight = before + kStep;
      const double above = twin.loss(pair.records, pair.weights, pair.labels);
      weight = before - kStep;
      const double below = twin.loss(pair.records, pair.weights, pair.labels);
      weight = before;
      EXPECT_NEAR(static_cast<double>(plain[k]), (above - below) / (2 * kStep),
                  1e-5 * static_cast<double>(largest) + 1e-8)
          << all[p].name << "[" << k << "]";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Named, Networks,
                         ::testing::Values(Case{"logistic", {7, 1, 1}}, Case{"mlp", {1, 6, 5}},
                                           Case{"cnn-small", {1, 28, 28}}, Case{"cnn", {1, 28, 28}},
                                           Case{"cnn", {3, 32, 32}}, Case{"resnet20", {3, 8, 8}}));

TEST(Network, GivesTheSameBytesAgain) {
  const Architecture cnn = make_architecture("cnn", {1, 28, 28}, 10);
  Pair first(cnn, 16, Purpose::training), second(cnn, 16, Purpose::training);
  std::vector<float> gradient(160);
  for (Pair* pair : {&first, &second}) {
    softmax_cross_entropy(pair->engine->forward(), pair->labels, 10, 0, gradient);
    pair->engine->backward(gradient);
  }
  for (size_t p = 0; p < first.engine->slots().size(); ++p)
    EXPECT_TRUE(std::ranges::equal(first.engine->slots()[p].gradient, second.engine->slots()[p].gradient)) << p;
}

TEST(Network, LayoutsThereAndBackLoseNothing) {
  Pair pair(make_architecture("cnn", {3, 32, 32}, 10), 8, Purpose::training);
  for (size_t p = 0; p < pair.weights.size(); ++p) {
    std::vector<float> plain(pair.weights[p].size());
    pair.engine->to_plain(p, pair.engine->slots()[p].weights, plain);
    EXPECT_TRUE(
        std::ranges::equal(plain, pair.weights[p], [](float a, double b) { return static_cast<double>(a) == b; }));
  }
}

TEST(Architecture, RefusesWhatItCannotTake) {
  const auto why = [](const char* name, Shape shape, size_t classes) -> std::string {
    try {
      make_architecture(name, shape, classes);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(why("cnm", {1, 28, 28}, 10).find("did you mean 'cnn'"), std::string::npos);
  EXPECT_NE(why("cnn", {1, 8, 8}, 10).find("the smallest are 16x16"), std::string::npos);
  EXPECT_NE(why("mlp", {4, 1, 1}, 1).find("2 or more"), std::string::npos);
}

}  // namespace
}  // namespace miaudit
