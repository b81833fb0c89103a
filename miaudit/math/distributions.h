#pragma once

#include <cstdint>

namespace miaudit {

/// Boost.Math behind plain functions, so that its headers are compiled once.

/// Standard normal: Pr[Z <= x], its upper tail, its logarithm (accurate far out), and the inverse on (0, 1).
double normal_cdf(double x);
double normal_survival(double x);
double log_normal_survival(double x);
double normal_quantile(double p);

/// Student's t with `degrees` > 0 degrees of freedom.
double student_t_quantile(double degrees, double p);

/// log Γ(x), x > 0.
double log_gamma(double x);

/// Pr[Beta(a, b) <= x] and its inverse; a, b > 0.
double beta_cdf(double a, double b, double x);
double beta_quantile(double a, double b, double p);

/// Pr[Bin(n, p) <= k] and Pr[Bin(n, p) >= k].
double binomial_cdf(uint64_t k, uint64_t n, double p);
double binomial_survival_inclusive(uint64_t k, uint64_t n, double p);

/// Exact one-sided limits of a proportion from k of n (Clopper & Pearson 1934, doi:10.1093/biomet/26.4.404): the true
/// proportion lies below the lower (above the upper) limit with probability at most alpha. Counts may be fractional
/// (effective sample sizes). lower(0, n) = 0, upper(n, n) = 1.
double clopper_pearson_lower(double k, double n, double alpha);
double clopper_pearson_upper(double k, double n, double alpha);

/// Pr[chi-squared with `degrees` > x].
double chi_squared_survival(double degrees, double x);

}  // namespace miaudit
