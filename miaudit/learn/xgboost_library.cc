#include "miaudit/learn/xgboost_library.h"

#include <dlfcn.h>

namespace miaudit::xgboost {
namespace {

void* open_library() {
  for (const char* name : {"libxgboost.so.0", "libxgboost.so"}) {
    if (void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return library;
  }
  fail(Category::unsupported,
       "boosted trees need XGBoost, which cannot be loaded: {}; install Debian's package libxgboost0, or ask for "
       "attacks and models without trees",
       dlerror());
}

Functions load() {
  void* library = open_library();
  const auto find = [&]<class Function>(Function*& function, const char* name) {
    function = reinterpret_cast<Function*>(dlsym(library, name));
    if (!function) fail(Category::unsupported, "this XGBoost has no {}: install version 1.6 or later", name);
  };
  Functions f{};
  find(f.XGBGetLastError, "XGBGetLastError");
  find(f.XGBoostVersion, "XGBoostVersion");
  find(f.XGDMatrixCreateFromMat, "XGDMatrixCreateFromMat");
  find(f.XGDMatrixSetFloatInfo, "XGDMatrixSetFloatInfo");
  find(f.XGDMatrixFree, "XGDMatrixFree");
  find(f.XGBoosterCreate, "XGBoosterCreate");
  find(f.XGBoosterSetParam, "XGBoosterSetParam");
  find(f.XGBoosterUpdateOneIter, "XGBoosterUpdateOneIter");
  find(f.XGBoosterBoostOneIter, "XGBoosterBoostOneIter");
  find(f.XGBoosterPredictFromDMatrix, "XGBoosterPredictFromDMatrix");
  find(f.XGBoosterSaveModelToBuffer, "XGBoosterSaveModelToBuffer");
  find(f.XGBoosterLoadModelFromBuffer, "XGBoosterLoadModelFromBuffer");
  find(f.XGBoosterBoostedRounds, "XGBoosterBoostedRounds");
  find(f.XGBoosterFree, "XGBoosterFree");
  return f;
}

}  // namespace

const Functions& functions() {
  static const Functions loaded = load();
  return loaded;
}

}  // namespace miaudit::xgboost
