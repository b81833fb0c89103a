#include "miaudit/math/moments.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "miaudit/base/rng.h"

namespace miaudit {
namespace {

struct Made {
  size_t models, samples, queries;
  std::vector<std::vector<double>> values;
  std::vector<std::vector<int8_t>> sides;
  std::vector<const double*> value_rows;
  std::vector<const int8_t*> side_rows;
  std::vector<double> in_counts, out_counts;

  Made(size_t of_models, size_t of_samples, size_t of_queries)
      : models(of_models), samples(of_samples), queries(of_queries) {
    Rng rng(3, models);
    in_counts.resize(samples);
    out_counts.resize(samples);
    for (size_t m = 0; m < models; ++m) {
      values.emplace_back();
      sides.emplace_back();
      for (size_t k = 0; k < samples * queries; ++k) values.back().push_back(5 + rng.normal());
      for (size_t i = 0; i < samples; ++i) {
        sides.back().push_back(static_cast<int8_t>(static_cast<int>(rng.below(3)) - 1));
        in_counts[i] += sides.back()[i] == 1;
        out_counts[i] += sides.back()[i] == 0;
      }
    }
    for (size_t m = 0; m < models; ++m) value_rows.push_back(values[m].data()), side_rows.push_back(sides[m].data());
  }
  SidedValues view() const { return {value_rows, side_rows, samples, queries, in_counts, out_counts}; }
};

struct Found {
  std::vector<double> in_mean, in_variance, out_mean, out_variance;
  explicit Found(size_t size) : in_mean(size, -7), in_variance(size, -7), out_mean(size, -7), out_variance(size, -7) {}
};

/// Of the definition, by long double.
void expect_moments(const Made& made, size_t k, int8_t side, double mean, double variance) {
  long double sum = 0, squares = 0, count = 0;
  for (size_t m = 0; m < made.models; ++m)
    if (made.sides[m][k / made.queries] == side) sum += made.values[m][k], ++count;
  for (size_t m = 0; m < made.models; ++m)
    if (made.sides[m][k / made.queries] == side) squares += std::pow(made.values[m][k] - sum / count, 2.0L);
  if (count == 0) {
    EXPECT_TRUE(std::isnan(mean) && std::isnan(variance)) << k;
    return;
  }
  EXPECT_NEAR(mean, static_cast<double>(sum / count), 1e-14) << k;
  EXPECT_NEAR(variance, static_cast<double>(squares / count), 1e-14) << k;
}

TEST(Moments, AreThoseOfTheModelsOnEachSideByEveryInstructionSet) {
  for (int64_t rest = hwy::SupportedTargets(); rest; rest &= rest - 1) {
    hwy::SetSupportedTargetsForTest(rest & -rest);
    hwy::GetChosenTarget().DeInit();
    for (const auto& [models, samples, queries] :
         {std::array<size_t, 3>{3, 40, 1}, {8, 256, 1}, {21, 601, 1}, {9, 77, 5}}) {
      const Made made(models, samples, queries);
      Found found(samples * queries);
      sided_moments(made.view(), 0, samples, {found.in_mean, found.in_variance, found.out_mean, found.out_variance});
      for (size_t k = 0; k < samples * queries; ++k) {
        expect_moments(made, k, 1, found.in_mean[k], found.in_variance[k]);
        expect_moments(made, k, 0, found.out_mean[k], found.out_variance[k]);
      }
    }
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().DeInit();
}

TEST(Moments, AreTheSameBytesInPartsAndWithoutVariances) {
  const Made made(21, 601, 3);
  Found whole(601 * 3), parts(601 * 3);
  sided_moments(made.view(), 0, 601, {whole.in_mean, whole.in_variance, whole.out_mean, whole.out_variance});
  for (const auto& [begin, end] : {std::pair<size_t, size_t>{200, 601}, {0, 1}, {1, 200}})
    sided_moments(made.view(), begin, end, {parts.in_mean, {}, parts.out_mean, {}});
  const auto expect_same = [](const std::vector<double>& a, const std::vector<double>& b) {
    for (size_t k = 0; k < a.size(); ++k) EXPECT_TRUE(a[k] == b[k] || (std::isnan(a[k]) && std::isnan(b[k]))) << k;
  };
  expect_same(whole.in_mean, parts.in_mean);
  expect_same(whole.out_mean, parts.out_mean);
}

}  // namespace
}  // namespace miaudit
