#include "miaudit/math/kernels.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "miaudit/base/rng.h"

namespace miaudit {
namespace {

using Row = std::vector<long double>;

long double log_sum(const Row& z, size_t excluded) {
  long double max = -std::numeric_limits<long double>::infinity(), sum = 0;
  for (size_t k = 0; k < z.size(); ++k) {
    if (k != excluded) max = std::max(max, z[k]);
  }
  for (size_t k = 0; k < z.size(); ++k) {
    if (k != excluded) sum += std::exp(z[k] - max);
  }
  return max + std::log(sum);
}

/// The textbook formulas in 80-bit arithmetic, by other routes than the kernels': 1 − p_k through the sum over the
/// others.
long double reference(RowFunction function, const Row& z, size_t y) {
  const size_t classes = z.size(), none = classes;
  const auto top = static_cast<size_t>(std::max_element(z.begin(), z.end()) - z.begin());
  const auto log_p = [&](size_t k) {
    // log(1/(1 + rest)): accurate where p is near 1.
    return -std::log1p(std::exp(log_sum(z, k) - z[k]));
  };
  const auto log_rest = [&](size_t k) { return -std::log1p(std::exp(z[k] - log_sum(z, k))); };
  long double sum = 0;
  switch (function) {
    case RowFunction::loss:
      return -log_p(y);
    case RowFunction::confidence:
      return std::exp(log_p(y));
    case RowFunction::max_probability:
      return std::exp(log_p(top));
    case RowFunction::rescaled_logit:
      return z[y] - log_sum(z, y);
    case RowFunction::margin: {
      Row others = z;
      others.erase(others.begin() + static_cast<std::ptrdiff_t>(y));
      return z[y] - *std::max_element(others.begin(), others.end());
    }
    case RowFunction::entropy:
      for (size_t k = 0; k < classes; ++k) sum -= std::exp(log_p(k)) * log_p(k);
      return sum;
    case RowFunction::modified_entropy:
      for (size_t k = 0; k < classes; ++k) {
        if (k != y) sum -= std::exp(log_p(k)) * log_rest(k);
      }
      return sum - std::exp(log_rest(y)) * log_p(y);
    case RowFunction::correctness:
      return top == y;
    case RowFunction::spread: {
      const auto [min, max] = std::minmax_element(z.begin(), z.end());
      for (const long double value : z) sum += (*max - value) / (*max - *min);
      return sum / static_cast<long double>(classes);
    }
    case RowFunction::taylor_confidence: {
      long double label = 0;
      for (size_t k = 0; k < classes; ++k) {
        const long double u = z[k] / 2 - (k == y ? 0.6L : 0.0L);
        const long double t = 1 + u + u * u / 2 + u * u * u / 6 + u * u * u * u / 24;
        sum += t;
        if (k == y) label = t;
      }
      return label / sum;
    }
  }
  return none;
}

constexpr RowFunction kFunctions[] = {
    RowFunction::loss,   RowFunction::confidence,       RowFunction::max_probability,  RowFunction::rescaled_logit,
    RowFunction::margin, RowFunction::entropy,          RowFunction::modified_entropy, RowFunction::correctness,
    RowFunction::spread, RowFunction::taylor_confidence};

/// Runs `test` under every instruction set that this machine has.
void on_every_target(const std::function<void()>& test) {
  const int64_t supported = hwy::SupportedTargets();
  std::vector<std::string> seen;
  for (const int64_t target : {int64_t{HWY_AVX3}, int64_t{HWY_AVX2}, int64_t{HWY_SSE4}, int64_t{HWY_SCALAR}}) {
    if (target != HWY_SCALAR && (supported & target) == 0) continue;
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().DeInit();
    if (std::find(seen.begin(), seen.end(), vector_target()) == seen.end()) {
      seen.push_back(vector_target());
      SCOPED_TRACE(seen.back());
      test();
    }
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().DeInit();
  EXPECT_GE(seen.size(), 1u);
  EXPECT_EQ(seen.back(), "SCALAR");
}

struct Case {
  size_t rows, columns;
  double scale;
};

void expect_near_reference(const Case& given) {
  SCOPED_TRACE(testing::Message() << given.rows << "x" << given.columns << " scale " << given.scale);
  Rng rng(7, given.rows * given.columns);
  std::vector<float> values(given.rows * given.columns);
  for (float& value : values) value = static_cast<float>(given.scale * rng.normal());
  std::vector<int32_t> labels(given.rows);
  for (int32_t& label : labels) label = static_cast<int32_t>(rng.below(given.columns));
  RowBlock block;
  block.values = values.data();
  block.rows = given.rows;
  block.columns = given.columns;
  block.labels = labels.data();
  for (const RowFunction function : kFunctions) {
    std::vector<double> out(given.rows + 1, -7);
    evaluate_rows(function, block, out.data());
    EXPECT_EQ(out.back(), -7) << "wrote past its end";
    for (size_t r = 0; r < given.rows; ++r) {
      if (std::isnan(out[r])) {
        EXPECT_GT(given.scale, 100);
        continue;
      }
      const auto from = values.begin() + static_cast<std::ptrdiff_t>(r * given.columns);
      const Row z(from, from + static_cast<std::ptrdiff_t>(given.columns));
      const double expected = static_cast<double>(reference(function, z, static_cast<size_t>(labels[r])));
      // The rescaled logit is a difference: near 0 it is right to an absolute error.
      const double floor = function == RowFunction::rescaled_logit ? 1 : 1e-280;
      ASSERT_NEAR(out[r], expected, 2e-14 * std::max(std::abs(expected), floor))
          << "function " << static_cast<int>(function) << " row " << r;
    }
  }
}

TEST(Kernels, AgreeWithTextbookFormulasOnEveryTarget) {
  on_every_target([] {
    for (const Case& given :
         {Case{203, 10, 4}, Case{64, 2, 1}, Case{65, 3, 30}, Case{17, 5, 1e-3}, Case{33, 17, 8}, Case{41, 10, 60},
          Case{13, 100, 5}, Case{9, 128, 3}, Case{9, 129, 3}, Case{8, 257, 6}, Case{5, 10, 2}, Case{1, 4, 2}})
      expect_near_reference(given);
  });
}

TEST(Kernels, HandleHugeLogitsOrLeaveThem) {
  on_every_target([] {
    for (const double scale : {300.0, 1e6, 1e30}) expect_near_reference({40, 6, scale});
  });
}

TEST(Kernels, TypesAgreeAndLabelsRepeat) {
  on_every_target([] {
    // Multiples of 1/8 are exact in all three types.
    constexpr size_t kRows = 27, kColumns = 6;
    std::vector<double> doubles(kRows * kColumns);
    std::vector<float> floats(doubles.size());
    std::vector<uint16_t> halves(doubles.size());
    for (size_t i = 0; i < doubles.size(); ++i) {
      const unsigned eighths = 8 + static_cast<unsigned>(i * i % 7);  // 1 … 1.75: exponent 15, mantissa 7 bits below
      doubles[i] = eighths / 8.0;
      floats[i] = static_cast<float>(doubles[i]);
      halves[i] = static_cast<uint16_t>((15u << 10) | ((eighths - 8) << 7));
    }
    std::vector<int32_t> labels(kRows);
    for (size_t r = 0; r < kRows; ++r) labels[r] = static_cast<int32_t>(r / 3 % kColumns);
    const std::vector<int32_t> thirds = [&] {
      std::vector<int32_t> picked;
      for (size_t r = 0; r < kRows; r += 3) picked.push_back(labels[r]);
      return picked;
    }();
    for (const RowFunction function : kFunctions) {
      RowBlock block;
      block.rows = kRows;
      block.columns = kColumns;
      block.labels = labels.data();
      std::vector<double> by_double(kRows), by_float(kRows), by_half(kRows), repeated(kRows);
      block.values = doubles.data(), block.type = RowType::float64;
      evaluate_rows(function, block, by_double.data());
      block.values = floats.data(), block.type = RowType::float32;
      evaluate_rows(function, block, by_float.data());
      block.values = halves.data(), block.type = RowType::float16;
      evaluate_rows(function, block, by_half.data());
      block.labels = thirds.data(), block.rows_per_label = 3;
      evaluate_rows(function, block, repeated.data());
      EXPECT_EQ(by_double, by_float);
      EXPECT_EQ(by_double, by_half);
      EXPECT_EQ(by_double, repeated);
    }
  });
}

TEST(Kernels, RowsDoNotDependOnThoseBesideThem) {
  on_every_target([] {
    constexpr size_t kRows = 83, kColumns = 7;
    Rng rng(3, 0);
    std::vector<float> values(kRows * kColumns);
    for (float& value : values) value = static_cast<float>(5 * rng.normal());
    std::vector<int32_t> labels(kRows);
    for (int32_t& label : labels) label = static_cast<int32_t>(rng.below(kColumns));
    for (const RowFunction function : kFunctions) {
      RowBlock block;
      block.values = values.data(), block.rows = kRows, block.columns = kColumns, block.labels = labels.data();
      std::vector<double> all(kRows), some(kRows);
      EXPECT_EQ(evaluate_rows(function, block, all.data()), RowOutcome::settled);
      // Fewer than a group has, one more, and the rest.
      for (const auto& [begin, end] : {std::pair<size_t, size_t>{0, 1}, {1, 4}, {4, 21}, {21, 83}}) {
        block.values = values.data() + begin * kColumns, block.rows = end - begin, block.labels = labels.data() + begin;
        evaluate_rows(function, block, some.data() + begin);
      }
      EXPECT_EQ(all, some) << "function " << static_cast<int>(function);
    }
  });
}

TEST(Kernels, AMaskedClassCountsForNothing) {
  on_every_target([] {
    const std::vector<double> values{0, -3, std::numeric_limits<double>::lowest()}, pair{0, -3};
    RowBlock block;
    block.values = values.data(), block.type = RowType::float64, block.rows = 1, block.columns = 3;
    RowBlock without = block;
    without.values = pair.data(), without.columns = 2;
    double masked = 0, plain = 0;
    const RowOutcome outcome = evaluate_rows(RowFunction::entropy, block, &masked);
    evaluate_rows(RowFunction::entropy, without, &plain);
    if (outcome == RowOutcome::settled) EXPECT_NEAR(masked, plain, 1e-15);  // else the scalar code's
    EXPECT_EQ(outcome == RowOutcome::some_left, std::isnan(masked));
  });
}

TEST(Kernels, LabelsOutsideAreTold) {
  on_every_target([] {
    const std::vector<float> values(size_t{40} * 3, 0.5f);
    for (const size_t place : {0, 20, 39})
      for (const int32_t bad : {-1, 3, 1 << 30}) {
        std::vector<int32_t> labels(40, 2);
        std::vector<double> out(40);
        RowBlock block;
        block.values = values.data(), block.rows = 40, block.columns = 3, block.labels = labels.data();
        EXPECT_EQ(evaluate_rows(RowFunction::loss, block, out.data()), RowOutcome::settled);
        labels[place] = bad;
        EXPECT_EQ(evaluate_rows(RowFunction::loss, block, out.data()), RowOutcome::bad_label);
      }
  });
}

TEST(Kernels, ProbabilitiesBecomeLogsAboveTheFloor) {
  on_every_target([] {
    std::vector<float> p;
    for (int r = 0; r < 8; ++r) p.insert(p.end(), {1, 0, 0.5f, 0.25f});
    const std::vector<int32_t> labels(8, 1);
    RowBlock block;
    block.values = p.data();
    block.rows = 8;
    block.columns = 4;
    block.labels = labels.data();
    block.floor = std::numeric_limits<float>::denorm_min();
    std::vector<double> out(8);
    evaluate_rows(RowFunction::margin, block, out.data());
    for (const double value : out) EXPECT_NEAR(value, -149 * std::log(2.0), 1e-12);
  });
}

TEST(Kernels, ConstantRowsAreLeftToTheCaller) {
  on_every_target([] {
    std::vector<double> values(8 * 3, 0.25);
    values[4] = 1;
    RowBlock block;
    block.values = values.data();
    block.type = RowType::float64;
    block.rows = 8;
    block.columns = 3;
    std::vector<double> out(8);
    evaluate_rows(RowFunction::spread, block, out.data());
    for (size_t r = 0; r < 8; ++r) EXPECT_EQ(std::isnan(out[r]), r != 1);
  });
}

}  // namespace
}  // namespace miaudit
