#include "miaudit/math/descent.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "miaudit/base/rng.h"

namespace miaudit {
namespace {

// Lengths around a vector's, so that the rest behind the last whole vector is tried too.
constexpr size_t kCounts[] = {1, 7, 16, 37, 64};

std::vector<float> random_floats(size_t count, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(rng.normal());
  return values;
}

TEST(Descent, MomentumFollowsItsFormula) {
  for (const bool is_nesterov : {false, true}) {
    for (const size_t count : kCounts) {
      const std::vector<float> w0 = random_floats(count, 1), g0 = random_floats(count, 2), v0 = random_floats(count, 3);
      std::vector<float> w = w0, v = v0;
      momentum_step({.rate = 0.1f, .momentum = 0.9f, .decay = 0.01f, .is_nesterov = is_nesterov}, w, g0, v);
      for (size_t i = 0; i < count; ++i) {
        const double g = static_cast<double>(g0[i]) + 0.01 * static_cast<double>(w0[i]);
        const double velocity = 0.9 * static_cast<double>(v0[i]) + g;
        const double way = is_nesterov ? g + 0.9 * velocity : velocity;
        EXPECT_NEAR(static_cast<double>(v[i]), velocity, 1e-6);
        EXPECT_NEAR(static_cast<double>(w[i]), static_cast<double>(w0[i]) - 0.1 * way, 1e-6);
      }
    }
  }
}

TEST(Descent, AdamFollowsItsFormula) {
  for (const size_t count : kCounts) {
    const std::vector<float> w0 = random_floats(count, 1), g0 = random_floats(count, 2), m0 = random_floats(count, 3);
    std::vector<float> w = w0, m = m0, s(count, 0.5f);
    adam_step({.rate = 0.01f, .count = 3}, w, g0, m, s);
    for (size_t i = 0; i < count; ++i) {
      const double g = static_cast<double>(g0[i]);
      const double mean = 0.9 * static_cast<double>(m0[i]) + 0.1 * g, square = 0.999 * 0.5 + 0.001 * g * g;
      const double way = mean / (1 - std::pow(0.9, 3)) / (std::sqrt(square / (1 - std::pow(0.999, 3))) + 1e-8);
      EXPECT_NEAR(static_cast<double>(m[i]), mean, 1e-6);
      EXPECT_NEAR(static_cast<double>(s[i]), square, 1e-6);
      EXPECT_NEAR(static_cast<double>(w[i]), static_cast<double>(w0[i]) - 0.01 * way, 2e-6);
    }
  }
}

TEST(Descent, LeavesPaddingZero) {
  std::vector<float> w(37), g(37), m(37), s(37);
  momentum_step({.rate = 0.1f, .momentum = 0.9f, .decay = 0.1f}, w, g, m);
  adam_step({.rate = 0.1f, .decay = 0.1f, .count = 1}, w, g, m, s);
  for (size_t i = 0; i < w.size(); ++i) EXPECT_EQ(w[i], 0);
}

TEST(Descent, AverageMovesItsShare) {
  const std::vector<float> w = random_floats(37, 1);
  std::vector<float> average(37, 1.f);
  move_average(0.25f, w, average);
  for (size_t i = 0; i < w.size(); ++i) EXPECT_NEAR(average[i], 0.75f + 0.25f * w[i], 1e-6f);
}

}  // namespace
}  // namespace miaudit
