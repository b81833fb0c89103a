#include "miaudit/math/distributions.h"

#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <numbers>

#include "miaudit/base/error.h"

namespace miaudit {
namespace {

namespace policies = boost::math::policies;
// Arguments are checked here, so Boost need not throw; double stays double, for the same bytes on every machine.
using Policy =
    policies::policy<policies::promote_double<false>, policies::domain_error<policies::ignore_error>,
                     policies::pole_error<policies::ignore_error>, policies::overflow_error<policies::ignore_error>,
                     policies::evaluation_error<policies::ignore_error>>;

void require(bool holds, const char* function, const char* expected, double found) {
  if (!holds) fail(Category::internal, "{}: found {}, expected {}", function, found, expected);
}

void require_probability(double p, const char* function) {
  require(p >= 0 && p <= 1, function, "a probability in [0, 1]", p);
}

void require_inside(double p, const char* function) {
  require(p > 0 && p < 1, function, "a probability strictly between 0 and 1", p);
}

void require_shapes(double a, double b, const char* function) {
  require(a > 0 && std::isfinite(a), function, "a positive shape", a);
  require(b > 0 && std::isfinite(b), function, "a positive shape", b);
}

void require_count(double k, double n, double alpha, const char* function) {
  require(n >= 0 && std::isfinite(n), function, "a number of trials >= 0", n);
  require(k >= 0 && k <= n, function, "a count between 0 and the number of trials", k);
  require_inside(alpha, function);
}

}  // namespace

double normal_cdf(double x) {
  return 0.5 * std::erfc(-x / std::numbers::sqrt2);
}

double normal_survival(double x) {
  return 0.5 * std::erfc(x / std::numbers::sqrt2);
}

double log_normal_survival(double x) {
  if (x < 0) return std::log1p(-normal_cdf(x));
  // erfc underflows near x = 38; the asymptotic series is exact to double precision well before.
  if (x <= 30) return std::log(normal_survival(x));
  const double r = 1 / (x * x);
  const double series = -r * (1 - r * (3 - r * (15 - r * 105)));
  return -0.5 * x * x - std::log(x) - 0.5 * std::log(2 * std::numbers::pi) + std::log1p(series);
}

double normal_quantile(double p) {
  require_inside(p, "normal_quantile");
  return -std::numbers::sqrt2 * boost::math::erfc_inv(2 * p, Policy());
}

double student_t_quantile(double degrees, double p) {
  require(degrees > 0, "student_t_quantile", "positive degrees of freedom", degrees);
  require_inside(p, "student_t_quantile");
  if (std::isinf(degrees)) return normal_quantile(p);
  return boost::math::quantile(boost::math::students_t_distribution<double, Policy>(degrees), p);
}

double log_gamma(double x) {
  require(x > 0, "log_gamma", "a positive number", x);
  return boost::math::lgamma(x, Policy());
}

double beta_cdf(double a, double b, double x) {
  require_shapes(a, b, "beta_cdf");
  require_probability(x, "beta_cdf");
  return boost::math::ibeta(a, b, x, Policy());
}

double beta_quantile(double a, double b, double p) {
  require_shapes(a, b, "beta_quantile");
  require_probability(p, "beta_quantile");
  return boost::math::ibeta_inv(a, b, p, Policy());
}

double binomial_cdf(uint64_t k, uint64_t n, double p) {
  require_probability(p, "binomial_cdf");
  if (k >= n) return 1;
  return boost::math::ibetac(static_cast<double>(k) + 1, static_cast<double>(n - k), p, Policy());
}

double binomial_survival_inclusive(uint64_t k, uint64_t n, double p) {
  require_probability(p, "binomial_survival_inclusive");
  if (k == 0) return 1;
  if (k > n) return 0;
  return boost::math::ibeta(static_cast<double>(k), static_cast<double>(n - k) + 1, p, Policy());
}

double clopper_pearson_lower(double k, double n, double alpha) {
  require_count(k, n, alpha, "clopper_pearson_lower");
  if (k <= 0) return 0;
  return boost::math::ibeta_inv(k, n - k + 1, alpha, Policy());
}

double clopper_pearson_upper(double k, double n, double alpha) {
  require_count(k, n, alpha, "clopper_pearson_upper");
  if (k >= n) return 1;
  return boost::math::ibetac_inv(k + 1, n - k, alpha, Policy());
}

double chi_squared_survival(double degrees, double x) {
  require(degrees > 0, "chi_squared_survival", "positive degrees of freedom", degrees);
  if (x <= 0) return 1;
  return boost::math::gamma_q(degrees / 2, x / 2, Policy());
}

}  // namespace miaudit
