#include "miaudit/learn/boosting.h"

#include "miaudit/learn/xgboost_handles.h"

namespace miaudit {
namespace {

class XgboostTrees final : public ClassTrees {
 public:
  XgboostTrees(xgboost::Booster booster, size_t classes) : booster_(std::move(booster)), classes_(classes) {}

  void logits(MatrixView<const float> features, std::span<float> out) const override {
    xgboost::predict_margins(booster_, features, classes_, out.begin());
  }

  std::vector<uint8_t> json() const override {
    bst_ulong size = 0;
    const char* bytes = nullptr;
    xgboost::check(XGBoosterSaveModelToBuffer(booster_.get(), R"({"format": "json"})", &size, &bytes),
                   "XGBoosterSaveModelToBuffer");
    return {bytes, bytes + size};
  }

 private:
  xgboost::Booster booster_;
  size_t classes_;
};

}  // namespace

std::string boosting_name() {
  int major = 0, minor = 0, patch = 0;
  XGBoostVersion(&major, &minor, &patch);
  return fmt::format("XGBoost {}.{}.{}", major, minor, patch);
}

std::unique_ptr<ClassTrees> fit_class_trees(MatrixView<const float> features, std::span<const int32_t> labels,
                                            size_t classes, const BoostingOptions& options, const Context& context) {
  const xgboost::Matrix matrix = xgboost::make_matrix(features);
  xgboost::set_info(matrix, "label", std::vector<float>(labels.begin(), labels.end()));
  xgboost::Booster booster = xgboost::make_booster(matrix, {{"verbosity", "0"},
                                                            {"nthread", "1"},
                                                            {"objective", "multi:softprob"},
                                                            {"num_class", fmt::format("{}", classes)},
                                                            {"base_score", "0.5"},
                                                            {"tree_method", "hist"},
                                                            {"max_depth", fmt::format("{}", options.max_depth)},
                                                            {"eta", fmt::format("{}", options.learning_rate)},
                                                            {"seed", xgboost::seed_text(options.seed)}});
  for (size_t round = 0; round < options.rounds; ++round) {
    context.report("training", round, options.rounds);
    xgboost::check(XGBoosterUpdateOneIter(booster.get(), static_cast<int>(round), matrix.get()),
                   "XGBoosterUpdateOneIter");
  }
  return std::make_unique<XgboostTrees>(std::move(booster), classes);
}

}  // namespace miaudit
