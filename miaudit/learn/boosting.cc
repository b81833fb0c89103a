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
    xgboost::check(
        xgboost::functions().XGBoosterSaveModelToBuffer(booster_.get(), R"({"format": "json"})", &size, &bytes),
        "XGBoosterSaveModelToBuffer");
    return {bytes, bytes + size};
  }

  void go_on_from(const BoostingParts& parts) {
    int rounds = 0;
    if (xgboost::functions().XGBoosterLoadModelFromBuffer(booster_.get(), parts.trees.data(), parts.trees.size()) !=
            0 ||
        xgboost::functions().XGBoosterBoostedRounds(booster_.get(), &rounds) != 0 ||
        static_cast<size_t>(rounds) != parts.done)
      fail(Category::input, "these are not the trees of {}", counted(parts.done, "round"));
  }

  void boost(size_t round, const xgboost::Matrix& matrix) {
    xgboost::check(xgboost::functions().XGBoosterUpdateOneIter(booster_.get(), static_cast<int>(round), matrix.get()),
                   "XGBoosterUpdateOneIter");
  }

 private:
  xgboost::Booster booster_;
  size_t classes_;
};

}  // namespace

std::string boosting_name() {
  int major = 0, minor = 0, patch = 0;
  xgboost::functions().XGBoostVersion(&major, &minor, &patch);
  return fmt::format("XGBoost {}.{}.{}", major, minor, patch);
}

std::unique_ptr<ClassTrees> fit_class_trees(std::vector<float> rows, std::span<const int32_t> labels, size_t classes,
                                            const BoostingOptions& options, const Context& context,
                                            const BoostingParts& parts) {
  const xgboost::Matrix matrix = xgboost::make_matrix({rows.data(), labels.size(), rows.size() / labels.size()});
  std::vector<float>().swap(rows);
  xgboost::set_info(matrix, "label", std::vector<float>(labels.begin(), labels.end()));
  auto trees =
      std::make_unique<XgboostTrees>(xgboost::make_booster(matrix, {{"verbosity", "0"},
                                                                    {"nthread", "1"},
                                                                    {"objective", "multi:softprob"},
                                                                    {"num_class", fmt::format("{}", classes)},
                                                                    {"base_score", "0.5"},
                                                                    {"tree_method", "hist"},
                                                                    {"max_depth", fmt::format("{}", options.max_depth)},
                                                                    {"eta", fmt::format("{}", options.learning_rate)},
                                                                    {"seed", xgboost::seed_text(options.seed)}}),
                                     classes);
  if (parts.done > 0) trees->go_on_from(parts);
  for (size_t round = parts.done; round < options.rounds; ++round) {
    if (parts.before_round) parts.before_round(round, *trees);
    context.report("training", round, options.rounds);
    trees->boost(round, matrix);
  }
  return trees;
}

}  // namespace miaudit
