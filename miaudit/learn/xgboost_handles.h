#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "miaudit/base/matrix.h"
#include "miaudit/learn/xgboost_library.h"

// What XGBoost makes, with owners.
namespace miaudit::xgboost {

struct FreeMatrix {
  void operator()(void* handle) const { functions().XGDMatrixFree(handle); }
};
struct FreeBooster {
  void operator()(void* handle) const { functions().XGBoosterFree(handle); }
};
using Matrix = std::unique_ptr<void, FreeMatrix>;
using Booster = std::unique_ptr<void, FreeBooster>;

inline Matrix make_matrix(MatrixView<const float> features) {
  DMatrixHandle handle = nullptr;
  check(functions().XGDMatrixCreateFromMat(features.data, features.rows, features.cols,
                                           std::numeric_limits<float>::quiet_NaN(), &handle),
        "XGDMatrixCreateFromMat");
  return Matrix(handle);
}

inline void set_info(const Matrix& matrix, const char* field, const std::vector<float>& values) {
  check(functions().XGDMatrixSetFloatInfo(matrix.get(), field, values.data(), values.size()), "XGDMatrixSetFloatInfo");
}

inline Booster make_booster(const Matrix& matrix, const std::vector<std::pair<const char*, std::string>>& parameters) {
  BoosterHandle handle = nullptr;
  const DMatrixHandle cached[] = {matrix.get()};
  check(functions().XGBoosterCreate(cached, 1, &handle), "XGBoosterCreate");
  Booster booster(handle);
  for (const auto& [name, value] : parameters)
    check(functions().XGBoosterSetParam(booster.get(), name, value.c_str()), "XGBoosterSetParam");
  return booster;
}

/// The margins of each of the matrix's rows, before sigmoid or softmax: `columns` a row.
inline void predict_margins(const Booster& booster, const Matrix& matrix, size_t rows, size_t columns, auto out) {
  const bst_ulong* shape = nullptr;
  bst_ulong dims = 0;
  const float* margins = nullptr;
  const char* config =
      R"({"type": 1, "training": false, "iteration_begin": 0, "iteration_end": 0, "strict_shape": true})";
  check(functions().XGBoosterPredictFromDMatrix(booster.get(), matrix.get(), config, &shape, &dims, &margins),
        "XGBoosterPredictFromDMatrix");
  if (dims != 2 || shape[0] != rows || shape[1] != columns)
    fail(Category::internal, "XGBoost: predictions have an unexpected shape");
  std::copy(margins, margins + rows * columns, out);
}
inline void predict_margins(const Booster& booster, MatrixView<const float> features, size_t columns, auto out) {
  if (features.rows > 0) predict_margins(booster, make_matrix(features), features.rows, columns, out);
}

/// XGBoost reads its seed as a signed 64-bit number.
inline std::string seed_text(uint64_t seed) {
  return fmt::format("{}", seed & 0x7fffffffffffffff);
}

}  // namespace miaudit::xgboost
