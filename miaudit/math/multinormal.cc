#include "miaudit/math/multinormal.h"

#include <Eigen/Cholesky>
#include <cmath>

#include "miaudit/base/error.h"

namespace miaudit {

struct MultiNormal::Factor {
  Eigen::MatrixXd lower;
  double half_log_determinant = 0;
};

MultiNormal::MultiNormal(std::span<const double> covariance, size_t size) {
  constexpr double kRidge = 1e-9;
  const auto n = static_cast<Eigen::Index>(size);
  Eigen::MatrixXd matrix = Eigen::Map<const Eigen::MatrixXd>(covariance.data(), n, n);
  const double mean = matrix.trace() / static_cast<double>(size);
  if (!(mean > 0 && std::isfinite(matrix.sum())))
    fail(Category::numeric, "models agree in every value, so that no covariance can be told");
  matrix.diagonal().array() += kRidge * mean;
  const Eigen::LLT<Eigen::MatrixXd> factored(matrix);
  if (factored.info() != Eigen::Success) fail(Category::numeric, "a covariance of {} queries has no density", size);
  auto factor = std::make_unique<Factor>();
  factor->lower = factored.matrixL();
  factor->half_log_determinant = factor->lower.diagonal().array().log().sum();
  factor_ = std::move(factor);
}
MultiNormal::~MultiNormal() = default;
MultiNormal::MultiNormal(MultiNormal&&) noexcept = default;

double MultiNormal::log_density(std::span<const double> deviation) const {
  Eigen::VectorXd whitened =
      Eigen::Map<const Eigen::VectorXd>(deviation.data(), static_cast<Eigen::Index>(deviation.size()));
  factor_->lower.triangularView<Eigen::Lower>().solveInPlace(whitened);
  return -0.5 * whitened.squaredNorm() - factor_->half_log_determinant;
}

}  // namespace miaudit
