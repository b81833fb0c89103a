#pragma once

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "miaudit/io/file.h"
#include "miaudit/train/plan.h"
#include "tests/train/made_data.h"

namespace miaudit::testing {

/// What an Error says; "" where there is none.
inline std::string refusal(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

inline ShadowPlan small_plan() {
  ShadowPlan plan;
  plan.models = 4;
  plan.recipe.architecture = "logistic";
  plan.recipe.epochs = 1;
  return plan;
}

inline miaudit::Run planned(const Folder& folder, const ShadowPlan& plan, const Dataset& dataset) {
  write_plan(folder / "run", plan, dataset, "here");
  return read_run(folder / "run");
}

/// done.json beside the outputs.npy of a folder, which it lists.
inline void seal(const std::filesystem::path& folder, const std::string& unit) {
  const FileBytes outputs = FileBytes::open(folder / "outputs.npy");
  const nlohmann::json about = {{"bytes", outputs.bytes().size()}, {"hash", content_hash(outputs.bytes())}};
  std::ofstream(folder / "done.json") << nlohmann::json{{"unit", unit}, {"files", {{"outputs.npy", about}}}};
}

}  // namespace miaudit::testing
