#include "miaudit/learn/learners.h"
#include "miaudit/learn/xgboost_handles.h"

namespace miaudit {
namespace {

class TreesClassifier : public BinaryClassifier {
 public:
  TreesClassifier(xgboost::Booster booster, size_t features) : booster_(std::move(booster)), features_(features) {}

  void score(MatrixView<const float> features, std::span<double> out) const override {
    if (features.cols != features_ || out.size() != features.rows)
      fail(Category::internal, "a classifier of {} features was given {}", features_, features.cols);
    xgboost::predict_margins(booster_, features, 1, out.begin());
  }

 private:
  xgboost::Booster booster_;
  size_t features_;
};

}  // namespace

std::unique_ptr<BinaryClassifier> fit_trees(const TrainingSet& data, const TreesOptions& options,
                                            const Context& context) {
  const std::array<double, 2> weight_of = label_weights(data);
  const xgboost::Matrix matrix = xgboost::make_matrix(data.features);
  xgboost::set_info(matrix, "label", std::vector<float>(data.labels.begin(), data.labels.end()));
  std::vector<float> weights;
  weights.reserve(data.labels.size());
  for (const uint8_t label : data.labels) weights.push_back(static_cast<float>(weight_of[label != 0]));
  xgboost::set_info(matrix, "weight", weights);

  xgboost::Booster booster =
      xgboost::make_booster(matrix, {{"verbosity", "0"},
                                     {"nthread", "1"},
                                     {"objective", "binary:logistic"},
                                     {"base_score", "0.5"},
                                     {"tree_method", "hist"},
                                     {"grow_policy", "lossguide"},
                                     {"max_depth", "0"},
                                     {"max_leaves", fmt::format("{}", options.max_leaves)},
                                     {"min_child_weight", fmt::format("{}", options.min_leaf_weight)},
                                     {"eta", fmt::format("{}", options.learning_rate)},
                                     {"seed", xgboost::seed_text(options.seed)}});
  for (int tree = 0; tree < options.trees; ++tree) {
    context.check();
    xgboost::check(xgboost::functions().XGBoosterUpdateOneIter(booster.get(), tree, matrix.get()),
                   "XGBoosterUpdateOneIter");
  }
  return std::make_unique<TreesClassifier>(std::move(booster), data.features.cols);
}

}  // namespace miaudit
