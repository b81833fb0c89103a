#include "miaudit/learn/normal_regression.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "miaudit/base/error.h"
#include "miaudit/base/rng.h"

namespace miaudit {
namespace {

constexpr size_t kRows = 4000;

TEST(NormalRegression, FindsMeansAndDeviations) {
  Rng rng(3);
  std::vector<float> features;
  std::vector<double> targets;
  for (size_t i = 0; i < kRows; ++i) {
    const double x = 2 * rng.uniform() - 1;
    features.push_back(static_cast<float>(x));
    features.push_back(static_cast<float>(rng.normal()));
    targets.push_back(100 + 5 * x + (x < 0 ? 0.5 : 3) * rng.normal());
  }
  const MatrixView<const float> rows{features.data(), kRows, 2};
  const auto fitted = fit_normal_regression(rows, targets, {}, {});
  std::vector<double> means(kRows), deviations(kRows);
  fitted->predict(rows, means, deviations);
  double mean_error = 0, narrow = 0, wide = 0, narrow_rows = 0;
  for (size_t i = 0; i < kRows; ++i) {
    const double x = static_cast<double>(features[2 * i]);
    mean_error += std::abs(means[i] - (100 + 5 * x)) / kRows;
    narrow_rows += x < 0;
    (x < 0 ? narrow : wide) += deviations[i];
    EXPECT_GT(deviations[i], 0);
  }
  EXPECT_LT(mean_error, 0.5);
  EXPECT_NEAR(narrow / narrow_rows, 0.5, 0.15);
  EXPECT_NEAR(wide / (kRows - narrow_rows), 3, 0.5);

  std::vector<double> again_means(kRows), again(kRows);
  fit_normal_regression(rows, targets, {}, {})->predict(rows, again_means, again);
  EXPECT_EQ(means, again_means);
  EXPECT_EQ(deviations, again);
}

TEST(NormalRegression, RefusesEqualTargets) {
  const std::vector<float> features = {1, 2, 3};
  EXPECT_THROW(fit_normal_regression({features.data(), 3, 1}, std::vector<double>{1, 1, 1}, {}, {}), Error);
  EXPECT_THROW(fit_normal_regression({features.data(), 1, 1}, std::vector<double>{1}, {}, {}), Error);
}

}  // namespace
}  // namespace miaudit
