#include <xgboost/c_api.h>

#include <limits>
#include <string>
#include <utility>

#include "miaudit/learn/learners.h"

namespace miaudit {
namespace {

void check(int code, const char* call) {
  if (code != 0) fail(Category::internal, "XGBoost: {} failed: {}", call, XGBGetLastError());
}

struct FreeMatrix {
  void operator()(void* handle) const { XGDMatrixFree(handle); }
};
struct FreeBooster {
  void operator()(void* handle) const { XGBoosterFree(handle); }
};
using Matrix = std::unique_ptr<void, FreeMatrix>;
using Booster = std::unique_ptr<void, FreeBooster>;

Matrix make_matrix(MatrixView<const float> features) {
  DMatrixHandle handle = nullptr;
  check(XGDMatrixCreateFromMat(features.data, features.rows, features.cols, std::numeric_limits<float>::quiet_NaN(),
                               &handle),
        "XGDMatrixCreateFromMat");
  return Matrix(handle);
}

void set_info(const Matrix& matrix, const char* field, const std::vector<float>& values) {
  check(XGDMatrixSetFloatInfo(matrix.get(), field, values.data(), values.size()), "XGDMatrixSetFloatInfo");
}

class TreesClassifier : public BinaryClassifier {
 public:
  TreesClassifier(Booster booster, size_t features) : booster_(std::move(booster)), features_(features) {}

  void score(MatrixView<const float> features, std::span<double> out) const override {
    if (features.cols != features_ || out.size() != features.rows)
      fail(Category::internal, "a classifier of {} features was given {}", features_, features.cols);
    if (features.rows == 0) return;
    const Matrix matrix = make_matrix(features);
    const bst_ulong* shape = nullptr;
    bst_ulong dims = 0;
    const float* margins = nullptr;
    // Type 1 is the margin: log-odds before the sigmoid.
    const char* config =
        R"({"type": 1, "training": false, "iteration_begin": 0, "iteration_end": 0, "strict_shape": true})";
    check(XGBoosterPredictFromDMatrix(booster_.get(), matrix.get(), config, &shape, &dims, &margins),
          "XGBoosterPredictFromDMatrix");
    if (dims != 2 || shape[0] != features.rows || shape[1] != 1)
      fail(Category::internal, "XGBoost: predictions have an unexpected shape");
    std::copy(margins, margins + features.rows, out.begin());
  }

 private:
  Booster booster_;
  size_t features_;
};

}  // namespace

std::unique_ptr<BinaryClassifier> fit_trees(const TrainingSet& data, const TreesOptions& options,
                                            const Context& context) {
  const std::array<double, 2> weight_of = label_weights(data);
  const Matrix matrix = make_matrix(data.features);
  set_info(matrix, "label", std::vector<float>(data.labels.begin(), data.labels.end()));
  std::vector<float> weights;
  weights.reserve(data.labels.size());
  for (const uint8_t label : data.labels) weights.push_back(static_cast<float>(weight_of[label != 0]));
  set_info(matrix, "weight", weights);

  BoosterHandle handle = nullptr;
  const DMatrixHandle cached[] = {matrix.get()};
  check(XGBoosterCreate(cached, 1, &handle), "XGBoosterCreate");
  Booster booster(handle);
  const std::pair<const char*, std::string> parameters[] = {
      {"verbosity", "0"},
      {"nthread", "1"},
      {"objective", "binary:logistic"},
      {"base_score", "0.5"},
      {"tree_method", "hist"},
      {"grow_policy", "lossguide"},
      {"max_depth", "0"},
      {"max_leaves", fmt::format("{}", options.max_leaves)},
      {"min_child_weight", fmt::format("{}", options.min_leaf_weight)},
      {"eta", fmt::format("{}", options.learning_rate)},
      // XGBoost reads its seed as a signed 64-bit number.
      {"seed", fmt::format("{}", options.seed & 0x7fffffffffffffff)},
  };
  for (const auto& [name, value] : parameters)
    check(XGBoosterSetParam(booster.get(), name, value.c_str()), "XGBoosterSetParam");
  for (int tree = 0; tree < options.trees; ++tree) {
    context.check();
    check(XGBoosterUpdateOneIter(booster.get(), tree, matrix.get()), "XGBoosterUpdateOneIter");
  }
  return std::make_unique<TreesClassifier>(std::move(booster), data.features.cols);
}

}  // namespace miaudit
