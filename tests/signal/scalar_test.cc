#include "miaudit/signal/scalar.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "miaudit/base/rng.h"

namespace miaudit {
namespace {

constexpr size_t kFunctionCount = 10;

/// Rows that are random, saturated, tied, tiny and extreme in turn.
std::vector<double> row_of(size_t kind, size_t classes, Rng& rng) {
  std::vector<double> row(classes);
  for (double& value : row) value = 3 * rng.normal();
  const size_t k = rng.below(classes);
  switch (kind % 9) {
    case 1:
      row[k] = 60;
      break;  // saturated
    case 2:
      row[k] = 720;
      break;  // 1 − p below the normal range
    case 3:
      for (double& value : row) value = std::round(value / 3);
      break;  // tied
    case 4:
      for (double& value : row) value *= 1e-12;
      break;
    case 5:
      for (double& value : row) value *= 1e30;
      break;
    case 6:
      for (double& value : row) value *= 1e150;
      break;
    case 7:
      for (double& value : row) value = std::copysign(1.7e308, value);
      break;
    case 8:
      row.assign(classes, -2.5);
      break;  // constant
    default:
      break;
  }
  return row;
}

bool is_exact(RowFunction function) {
  return function == RowFunction::margin || function == RowFunction::correctness || function == RowFunction::spread;
}

/// The vector kernels against the scalar formulas, in one element type.
template <class T>
void compare(RowType type) {
  for (const size_t classes : {2, 3, 4, 7, 8, 10, 17, 100, 129, 300, 1000}) {
    for (const size_t rows : {8, 9, 61}) {
      Rng rng(3, classes * 100 + rows);
      std::vector<T> values;
      std::vector<int32_t> labels;
      for (size_t r = 0; r < rows; ++r) {
        for (const double value : row_of(r, classes, rng)) {
          const double limit = static_cast<double>(std::numeric_limits<T>::max());
          values.push_back(static_cast<T>(std::min(std::max(value, -limit), limit)));
        }
        labels.push_back(static_cast<int32_t>(rng.below(classes)));
      }
      RowBlock block;
      block.values = values.data();
      block.type = type;
      block.rows = rows;
      block.columns = classes;
      block.labels = labels.data();
      for (size_t f = 0; f < kFunctionCount; ++f) {
        const auto function = static_cast<RowFunction>(f);
        std::vector<double> out(rows);
        evaluate_rows(function, block, out.data());
        for (size_t r = 0; r < rows; ++r) {
          const std::vector<double> row(values.begin() + static_cast<std::ptrdiff_t>(r * classes),
                                        values.begin() + static_cast<std::ptrdiff_t>((r + 1) * classes));
          const double expected = evaluate_row(function, row, static_cast<size_t>(labels[r]));
          SCOPED_TRACE(testing::Message()
                       << "function " << f << ", classes " << classes << ", row " << r << " of " << rows);
          if (!std::isfinite(out[r])) {
            // Only rows beyond the vectors' range are left, and constant ones.
            const bool constant = std::count(row.begin(), row.end(), row[0]) == static_cast<std::ptrdiff_t>(classes);
            ASSERT_TRUE(r % 9 == 2 || r % 9 >= 5 || (function == RowFunction::spread && constant));
          } else if (is_exact(function)) {
            ASSERT_EQ(out[r], expected);
          } else {
            const double floor = function == RowFunction::rescaled_logit ? 1 : 0;
            ASSERT_NEAR(out[r], expected, 3e-14 * std::max(std::abs(expected), floor));
          }
        }
      }
    }
  }
}

TEST(Scalar, VectorsAgreeOnFloats) {
  compare<float>(RowType::float32);
}
TEST(Scalar, VectorsAgreeOnDoubles) {
  compare<double>(RowType::float64);
}

TEST(Scalar, IsFiniteForEveryFiniteRow) {
  for (const size_t classes : {2, 3, 10, 129}) {
    Rng rng(5, classes);
    for (size_t kind = 0; kind < 900; ++kind) {
      const std::vector<double> row = row_of(kind, classes, rng);
      for (size_t f = 0; f < kFunctionCount; ++f) {
        const double value = evaluate_row(static_cast<RowFunction>(f), row, rng.below(classes));
        const bool constant = *std::max_element(row.begin(), row.end()) == *std::min_element(row.begin(), row.end());
        if (static_cast<RowFunction>(f) == RowFunction::spread && constant) {
          EXPECT_TRUE(std::isnan(value));
        } else {
          EXPECT_TRUE(std::isfinite(value)) << "function " << f << ", kind " << kind % 9 << ", classes " << classes;
        }
      }
    }
  }
}

TEST(Scalar, TheFirstOfTiedMaximaIsThePrediction) {
  const std::vector<double> row = {1, 4, 4, 0};
  EXPECT_EQ(evaluate_row(RowFunction::correctness, row, 1), 1);
  EXPECT_EQ(evaluate_row(RowFunction::correctness, row, 2), 0);
}

TEST(Scalar, OrderSurvivesSaturation) {
  // p_y rounds to 1 in both; loss and rescaled logit still tell them apart.
  const std::vector<double> sure = {50, 0, 0}, surer = {60, 0, 0};
  EXPECT_EQ(evaluate_row(RowFunction::confidence, sure, 0), evaluate_row(RowFunction::confidence, surer, 0));
  EXPECT_GT(evaluate_row(RowFunction::loss, sure, 0), evaluate_row(RowFunction::loss, surer, 0));
  EXPECT_GT(evaluate_row(RowFunction::loss, surer, 0), 0);
  EXPECT_LT(evaluate_row(RowFunction::rescaled_logit, sure, 0), evaluate_row(RowFunction::rescaled_logit, surer, 0));
}

}  // namespace
}  // namespace miaudit
