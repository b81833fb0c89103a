#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "miaudit/base/context.h"
#include "miaudit/base/matrix.h"

namespace miaudit {

/// A normal distribution for each row of features.
class NormalRegression {
 public:
  virtual ~NormalRegression() = default;
  /// Of each row; both have as many as features has rows. Deviations are positive.
  virtual void predict(MatrixView<const float> features, std::span<double> means,
                       std::span<double> deviations) const = 0;
};

/// Boosted trees for the mean and for the log of the deviation, by natural gradients of −log N(y; μ, σ²) (Duan et al.
/// 2020, arXiv:1910.03225; XGBoost, hist, one thread). Targets are standardised first, and no deviation is taken for
/// less than 1/100 of theirs.
struct NormalRegressionOptions {
  int rounds = 100;  ///< each adds a tree for either
  double learning_rate = 0.1;
  int max_depth = 4;
  double min_leaf_rows = 20;
};
/// features: [rows][columns], finite; targets: one a row, finite. Deterministic. Throws Error(numeric) where all
/// targets are equal or there are fewer than two.
std::unique_ptr<NormalRegression> fit_normal_regression(MatrixView<const float> features,
                                                        std::span<const double> targets,
                                                        const NormalRegressionOptions& options, const Context& context);

}  // namespace miaudit
