#include "miaudit/math/distributions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "miaudit/base/error.h"

namespace miaudit {
namespace {

// Reference values: Abramowitz & Stegun tables and closed forms, or exact sums written out in the test.

TEST(Normal, KnownValues) {
  EXPECT_DOUBLE_EQ(normal_cdf(0), 0.5);
  EXPECT_NEAR(normal_cdf(1.959963984540054), 0.975, 1e-15);
  EXPECT_NEAR(normal_survival(10) / 7.619853024160527e-24, 1, 1e-13);
  EXPECT_NEAR(normal_quantile(0.975), 1.959963984540054, 1e-14);
  EXPECT_NEAR(normal_quantile(1e-300), -37.0471, 1e-3);
  EXPECT_NEAR(normal_cdf(normal_quantile(1e-300)) / 1e-300, 1, 1e-10);
}

TEST(Normal, QuantileInvertsCdf) {
  for (double p = 0.0005; p < 1; p += 0.0005) EXPECT_NEAR(normal_cdf(normal_quantile(p)), p, 1e-14);
}

TEST(LogNormalSurvival, IsSmoothFromCentreToFarTail) {
  EXPECT_NEAR(log_normal_survival(0), std::log(0.5), 1e-15);
  EXPECT_NEAR(log_normal_survival(-10), -7.619853024160527e-24, 1e-36);
  EXPECT_NEAR(log_normal_survival(30 + 1e-9) - log_normal_survival(30), -30e-9, 1e-9);
  EXPECT_NEAR(log_normal_survival(100), -5005.524208694205, 1e-9);
  // No saturation: neighbours far out still differ.
  for (double x = 20; x < 1e6; x *= 1.1) EXPECT_LT(log_normal_survival(x * 1.001), log_normal_survival(x));
}

TEST(StudentT, KnownValues) {
  EXPECT_NEAR(student_t_quantile(1, 0.975), 12.706204736432095, 1e-9);
  EXPECT_NEAR(student_t_quantile(10, 0.975), 2.2281388519649385, 1e-10);
  EXPECT_NEAR(student_t_quantile(1e9, 0.975), normal_quantile(0.975), 1e-7);
  EXPECT_EQ(student_t_quantile(std::numeric_limits<double>::infinity(), 0.9), normal_quantile(0.9));
}

TEST(Beta, ClosedForms) {
  for (double x : {0.0, 0.1, 0.5, 0.9, 1.0}) {
    EXPECT_NEAR(beta_cdf(1, 1, x), x, 1e-15);
    EXPECT_NEAR(beta_cdf(1, 7, x), 1 - std::pow(1 - x, 7), 1e-15);
    EXPECT_NEAR(beta_cdf(3, 1, x), x * x * x, 1e-15);
  }
  EXPECT_NEAR(beta_quantile(2, 3, beta_cdf(2, 3, 0.3)), 0.3, 1e-14);
}

TEST(Binomial, AgreesWithTheSum) {
  const uint64_t n = 25;
  const double p = 0.3;
  double sum = 0;
  double term = std::pow(1 - p, double(n));
  for (uint64_t k = 0; k <= n; ++k) {
    EXPECT_NEAR(binomial_survival_inclusive(k, n, p), 1 - sum, 1e-13);
    sum += term;
    EXPECT_NEAR(binomial_cdf(k, n, p), sum, 1e-13);
    term *= double(n - k) / double(k + 1) * p / (1 - p);
  }
  EXPECT_EQ(binomial_survival_inclusive(26, n, p), 0);
  EXPECT_EQ(binomial_cdf(30, n, p), 1);
  EXPECT_EQ(binomial_cdf(0, 0, p), 1);
}

TEST(ClopperPearson, GoldenValues) {
  // n = 1000 a side, 95 % in two halves, TP = 500 and FP = 10, as published with a certified ε of 3.2420.
  EXPECT_NEAR(clopper_pearson_lower(500, 1000, 0.025), 0.468549, 5e-7);
  EXPECT_NEAR(clopper_pearson_upper(10, 1000, 0.025), 0.018313, 5e-7);
  EXPECT_NEAR(clopper_pearson_upper(0, 1000, 0.025), 1 - std::pow(0.025, 1e-3), 1e-14);
}

TEST(ClopperPearson, LimitsAtTheEnds) {
  EXPECT_EQ(clopper_pearson_lower(0, 10, 0.05), 0);
  EXPECT_EQ(clopper_pearson_upper(10, 10, 0.05), 1);
  EXPECT_EQ(clopper_pearson_lower(0, 0, 0.05), 0);
  EXPECT_EQ(clopper_pearson_upper(0, 0, 0.05), 1);
  EXPECT_NEAR(clopper_pearson_lower(10, 10, 0.05), std::pow(0.05, 0.1), 1e-14);
}

TEST(ClopperPearson, InvertsTheTailsFromTenToTenMillionTrials) {
  for (const uint64_t n : {10ull, 1000ull, 25'000ull, 10'000'000ull})
    for (const double share : {0.0, 1e-5, 0.001, 0.1, 0.5, 0.999, 1.0})
      for (const double alpha : {1e-6, 0.00625, 0.025, 0.2}) {
        const uint64_t k = static_cast<uint64_t>(share * double(n));
        const double low = clopper_pearson_lower(double(k), double(n), alpha);
        const double high = clopper_pearson_upper(double(k), double(n), alpha);
        if (k > 0) {
          EXPECT_NEAR(binomial_survival_inclusive(k, n, low) / alpha, 1, 1e-5) << k << " of " << n;
        }
        if (k < n) {
          EXPECT_NEAR(binomial_cdf(k, n, high) / alpha, 1, 1e-5) << k << " of " << n;
        }
      }
}

TEST(ClopperPearson, FractionalCountsLieBetweenTheWhole) {
  for (double k = 0; k < 12; k += 0.25) {
    EXPECT_LT(clopper_pearson_lower(k, 12.5, 0.025), clopper_pearson_lower(k + 0.25, 12.5, 0.025));
    EXPECT_LT(clopper_pearson_upper(k, 12.5, 0.025), clopper_pearson_upper(k + 0.25, 12.5, 0.025));
  }
}

TEST(ChiSquared, KnownValues) {
  EXPECT_NEAR(chi_squared_survival(2, 3), std::exp(-1.5), 1e-15);
  EXPECT_NEAR(chi_squared_survival(1, 3.841458820694124), 0.05, 1e-13);
  EXPECT_EQ(chi_squared_survival(3, 0), 1);
}

TEST(Distributions, RefuseWhatIsOutOfRange) {
  EXPECT_THROW(normal_quantile(0), Error);
  EXPECT_THROW(normal_quantile(std::nan("")), Error);
  EXPECT_THROW(student_t_quantile(0, 0.5), Error);
  EXPECT_THROW(beta_cdf(0, 1, 0.5), Error);
  EXPECT_THROW(beta_quantile(1, 1, 1.5), Error);
  EXPECT_THROW(clopper_pearson_lower(5, 4, 0.05), Error);
  EXPECT_THROW(clopper_pearson_upper(1, 4, 0), Error);
}

}  // namespace
}  // namespace miaudit
