#include <algorithm>
#include <cmath>

#include "miaudit/learn/learners.h"

namespace miaudit {
namespace {

constexpr int kMaxSteps = 100;
constexpr int kMaxHalvings = 40;
/// Half the Newton decrement, as a share of the total weight, at which the objective is at its minimum to double
/// precision.
constexpr double kTolerance = 1e-14;

double softplus(double x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}
double sigmoid(double x) {
  return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}

/// (feature − mean) · inverse_deviation; the inverse is 0 for a constant feature.
struct Standardiser {
  std::vector<double> mean;
  std::vector<double> inverse_deviation;
};

Standardiser fit_standardiser(MatrixView<const float> features, std::span<const double> weights) {
  double total = 0;
  std::vector<double> mean(features.cols), square(features.cols), inverse(features.cols);
  for (size_t i = 0; i < features.rows; ++i) {
    total += weights[i];
    for (size_t j = 0; j < features.cols; ++j) mean[j] += weights[i] * features(i, j);
  }
  for (double& value : mean) value /= total;
  for (size_t i = 0; i < features.rows; ++i)
    for (size_t j = 0; j < features.cols; ++j) {
      const double residual = features(i, j) - mean[j];
      square[j] += weights[i] * residual * residual;
    }
  for (size_t j = 0; j < features.cols; ++j) {
    const double deviation = std::sqrt(square[j] / total);
    // Below this the deviation is the rounding of the mean, not a difference between records.
    inverse[j] = deviation > 1e-12 * std::abs(mean[j]) ? 1 / deviation : 0;
  }
  return {std::move(mean), std::move(inverse)};
}

/// Bias first, then one weight a feature.
class LogisticClassifier : public BinaryClassifier {
 public:
  LogisticClassifier(Standardiser standardiser, std::vector<double> weights)
      : standardiser_(std::move(standardiser)), weights_(std::move(weights)) {}

  void score(MatrixView<const float> features, std::span<double> out) const override {
    if (features.cols + 1 != weights_.size() || out.size() != features.rows)
      fail(Category::internal, "a classifier of {} features was given {}", weights_.size() - 1, features.cols);
    for (size_t i = 0; i < features.rows; ++i) {
      double sum = weights_[0];
      for (size_t j = 0; j < features.cols; ++j)
        sum += weights_[j + 1] * ((features(i, j) - standardiser_.mean[j]) * standardiser_.inverse_deviation[j]);
      out[i] = sum;
    }
  }

 private:
  Standardiser standardiser_;
  std::vector<double> weights_;
};

/// Solves A x = b for symmetric positive definite A [n][n], of which the upper triangle is read and overwritten (A =
/// UᵀU).
std::vector<double> solve(MatrixView<double> a, std::vector<double> b) {
  const size_t n = b.size();
  for (size_t i = 0; i < n; ++i) {
    if (!(a(i, i) > 0)) fail(Category::numeric, "logistic regression: the Hessian is singular at feature {}", i);
    const double inverse = 1 / std::sqrt(a(i, i));
    for (size_t k = i; k < n; ++k) a(i, k) *= inverse;
    for (size_t j = i + 1; j < n; ++j)
      for (size_t k = j; k < n; ++k) a(j, k) -= a(i, j) * a(i, k);
  }
  for (size_t i = 0; i < n; ++i) {
    b[i] /= a(i, i);
    for (size_t k = i + 1; k < n; ++k) b[k] -= a(i, k) * b[i];
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t k = i + 1; k < n; ++k) b[i] -= a(i, k) * b[k];
    b[i] /= a(i, i);
  }
  return b;
}

/// The penalised negative log-likelihood of standardised rows [rows][1 + features], a 1 in front of each for the bias.
class Problem {
 public:
  Problem(const TrainingSet& data, std::span<const double> weights, const Standardiser& standardiser, double l2)
      : labels_(data.labels), weights_(weights), l2_(l2), columns_(data.features.cols + 1) {
    rows_.reserve(data.features.rows * columns_);
    for (size_t i = 0; i < data.features.rows; ++i) {
      rows_.push_back(1);
      for (size_t j = 0; j + 1 < columns_; ++j)
        rows_.push_back((data.features(i, j) - standardiser.mean[j]) * standardiser.inverse_deviation[j]);
    }
  }

  size_t columns() const { return columns_; }

  double objective(std::span<const double> at) const {
    double sum = 0;
    for (size_t j = 1; j < columns_; ++j) sum += 0.5 * l2_ * at[j] * at[j];
    for (size_t i = 0; i < labels_.size(); ++i) {
      const double odds = log_odds(i, at);
      sum += weights_[i] * softplus(labels_[i] ? -odds : odds);
    }
    return sum;
  }

  struct Step {
    std::vector<double> direction;
    double decrement;  ///< gradient · (−direction): twice what a quadratic objective would fall by.
  };
  Step newton(std::span<const double> at) const {
    std::vector<double> gradient(columns_), hessian(columns_ * columns_);
    for (size_t j = 1; j < columns_; ++j) {
      gradient[j] = l2_ * at[j];
      hessian[j * columns_ + j] = l2_;
    }
    // Keeps the bias solvable where every probability has saturated.
    hessian[0] = 1e-9;
    for (size_t i = 0; i < labels_.size(); ++i) {
      const double p = sigmoid(log_odds(i, at));
      const double slope = weights_[i] * (p - (labels_[i] ? 1 : 0));
      const double curvature = weights_[i] * p * (1 - p);
      const double* row = rows_.data() + i * columns_;
      for (size_t j = 0; j < columns_; ++j) {
        gradient[j] += slope * row[j];
        const double scaled = curvature * row[j];
        double* target = hessian.data() + j * columns_;
        for (size_t k = j; k < columns_; ++k) target[k] += scaled * row[k];
      }
    }
    Step step{solve({hessian.data(), columns_, columns_}, gradient), 0};
    for (size_t j = 0; j < columns_; ++j) step.decrement += gradient[j] * step.direction[j];
    return step;
  }

 private:
  double log_odds(size_t i, std::span<const double> at) const {
    const double* row = rows_.data() + i * columns_;
    double sum = 0;
    for (size_t j = 0; j < columns_; ++j) sum += at[j] * row[j];
    return sum;
  }

  std::span<const uint8_t> labels_;
  std::span<const double> weights_;
  double l2_;
  size_t columns_;
  std::vector<double> rows_;
};

}  // namespace

std::unique_ptr<BinaryClassifier> fit_logistic(const TrainingSet& data, const LogisticOptions& options,
                                               const Context& context) {
  if (!(options.l2 > 0)) fail(Category::config, "logistic regression needs l2 > 0; found {}", options.l2);
  std::vector<double> weights;
  weights.reserve(data.labels.size());
  const std::array<double, 2> weight_of = label_weights(data);
  for (const uint8_t label : data.labels) weights.push_back(weight_of[label != 0]);
  Standardiser standardiser = fit_standardiser(data.features, weights);
  const Problem problem(data, weights, standardiser, options.l2);

  std::vector<double> at(problem.columns());
  double objective = problem.objective(at);
  for (int step = 0; step < kMaxSteps; ++step) {
    context.check();
    const Problem::Step newton = problem.newton(at);
    if (newton.decrement <= 2 * kTolerance * static_cast<double>(data.labels.size())) break;
    double length = 1;
    std::vector<double> candidate(at.size());
    double reached = objective;
    for (int halving = 0; halving < kMaxHalvings; ++halving, length /= 2) {
      for (size_t j = 0; j < at.size(); ++j) candidate[j] = at[j] - length * newton.direction[j];
      reached = problem.objective(candidate);
      if (reached < objective) break;
    }
    if (!(reached < objective)) break;  // Rounding is all that is left.
    at = std::move(candidate);
    objective = reached;
  }
  return std::make_unique<LogisticClassifier>(std::move(standardiser), std::move(at));
}

}  // namespace miaudit
