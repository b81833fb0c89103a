#include "miaudit/learn/normal_regression.h"

#include <cmath>

#include "miaudit/learn/xgboost_handles.h"

namespace miaudit {
namespace {

constexpr double kLeastDeviation = 0.01;  // of the targets'
constexpr double kLargestStep = 3;        // a gradient of the log deviation further out is cut

class TreePair final : public NormalRegression {
 public:
  TreePair(xgboost::Booster mean, xgboost::Booster log_deviation, double centre, double scale)
      : mean_(std::move(mean)), log_deviation_(std::move(log_deviation)), centre_(centre), scale_(scale) {}

  void predict(MatrixView<const float> features, std::span<double> means, std::span<double> deviations) const override {
    xgboost::predict_margins(mean_, features, 1, means.begin());
    xgboost::predict_margins(log_deviation_, features, 1, deviations.begin());
    for (double& mean : means) mean = centre_ + scale_ * mean;
    for (double& deviation : deviations) deviation = scale_ * std::max(kLeastDeviation, std::exp(deviation));
  }

 private:
  xgboost::Booster mean_, log_deviation_;
  double centre_, scale_;
};

}  // namespace

std::unique_ptr<NormalRegression> fit_normal_regression(MatrixView<const float> features,
                                                        std::span<const double> targets,
                                                        const NormalRegressionOptions& options,
                                                        const Context& context) {
  const size_t rows = targets.size();
  double centre = 0, squares = 0;
  for (const double y : targets) centre += y / static_cast<double>(rows);
  for (const double y : targets) squares += (y - centre) * (y - centre) / static_cast<double>(rows);
  if (rows < 2 || !(squares > 0))
    fail(Category::numeric, "a regression takes two or more different values; found {}",
         rows < 2 ? counted(rows, "value") : "equal ones");
  const double scale = std::sqrt(squares);

  const xgboost::Matrix matrix = xgboost::make_matrix(features);
  xgboost::set_info(matrix, "label", std::vector<float>(rows));  // gradients are our own
  const auto make = [&] {
    return xgboost::make_booster(matrix, {{"verbosity", "0"},
                                          {"nthread", "1"},
                                          {"objective", "reg:squarederror"},
                                          {"base_score", "0"},
                                          {"tree_method", "hist"},
                                          {"max_depth", fmt::format("{}", options.max_depth)},
                                          {"min_child_weight", fmt::format("{}", options.min_leaf_rows)},
                                          {"eta", fmt::format("{}", options.learning_rate)}});
  };
  xgboost::Booster mean = make(), log_deviation = make();
  std::vector<float> means(rows), logs(rows), gradients(rows), weights(rows, 1);
  const auto grow = [&](const xgboost::Booster& booster) {
    xgboost::check(
        xgboost::functions().XGBoosterBoostOneIter(booster.get(), matrix.get(), gradients.data(), weights.data(), rows),
        "XGBoosterBoostOneIter");
  };
  for (int round = 0; round < options.rounds; ++round) {
    context.report("quantile", static_cast<uint64_t>(round), static_cast<uint64_t>(options.rounds));
    xgboost::predict_margins(mean, matrix, rows, 1, means.begin());
    xgboost::predict_margins(log_deviation, matrix, rows, 1, logs.begin());
    std::vector<double> residuals(rows);
    for (size_t i = 0; i < rows; ++i) {
      residuals[i] = (targets[i] - centre) / scale - static_cast<double>(means[i]);
      gradients[i] = static_cast<float>(-residuals[i]);
    }
    grow(mean);
    for (size_t i = 0; i < rows; ++i) {
      const double off = residuals[i] / std::max(kLeastDeviation, std::exp(static_cast<double>(logs[i])));
      gradients[i] = static_cast<float>(std::max(-kLargestStep, (1 - off * off) / 2));
    }
    grow(log_deviation);
  }
  return std::make_unique<TreePair>(std::move(mean), std::move(log_deviation), centre, scale);
}

}  // namespace miaudit
