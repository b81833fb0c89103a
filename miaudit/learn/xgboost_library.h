#pragma once

#include <xgboost/c_api.h>

#include "miaudit/base/error.h"

// XGBoost's C interface, loaded where trees are first grown: its start would take a third of what `miaudit --version`
// takes, and most audits grow none.
namespace miaudit::xgboost {

/// What we call, under its own names.
struct Functions {
  decltype(::XGBGetLastError)* XGBGetLastError;
  decltype(::XGBoostVersion)* XGBoostVersion;
  decltype(::XGDMatrixCreateFromMat)* XGDMatrixCreateFromMat;
  decltype(::XGDMatrixSetFloatInfo)* XGDMatrixSetFloatInfo;
  decltype(::XGDMatrixFree)* XGDMatrixFree;
  decltype(::XGBoosterCreate)* XGBoosterCreate;
  decltype(::XGBoosterSetParam)* XGBoosterSetParam;
  decltype(::XGBoosterUpdateOneIter)* XGBoosterUpdateOneIter;
  decltype(::XGBoosterBoostOneIter)* XGBoosterBoostOneIter;
  decltype(::XGBoosterPredictFromDMatrix)* XGBoosterPredictFromDMatrix;
  decltype(::XGBoosterSaveModelToBuffer)* XGBoosterSaveModelToBuffer;
  decltype(::XGBoosterLoadModelFromBuffer)* XGBoosterLoadModelFromBuffer;
  decltype(::XGBoosterBoostedRounds)* XGBoosterBoostedRounds;
  decltype(::XGBoosterFree)* XGBoosterFree;
};

/// Loads the library at the first call. Fails: unsupported, where it is not installed or too old.
const Functions& functions();

inline void check(int code, const char* call) {
  if (code != 0) fail(Category::internal, "XGBoost: {} failed: {}", call, functions().XGBGetLastError());
}

}  // namespace miaudit::xgboost
