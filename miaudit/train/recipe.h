#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "miaudit/engine/network.h"
#include "miaudit/engine/optimizer.h"
#include "miaudit/train/view.h"

namespace miaudit {

/// How a model is trained: everything that, with the data, the members, the seed and the engine, decides its bytes.
struct Recipe {
  std::string architecture = "cnn";
  std::vector<size_t> widths;  ///< of an mlp's hidden layers; empty for its default
  size_t epochs = 20;          ///< passes over the members; of gbdt rounds, each a tree for every class
  size_t batch = 128;          ///< records a step; all members where they are fewer
  OptimizerOptions optimizer;  ///< of gbdt only the rate
  double label_smoothing = 0;  ///< [0, 1)
  bool mirror = false;         ///< each image, each epoch, with a chance of one half
  size_t shift = 0;            ///< up to so many pixels each way, each image, each epoch
  Padding padding = Padding::reflect;
  Precision precision = Precision::float32;
  size_t max_depth = 6;  ///< of gbdt's trees
};

/// Throws Error(config) naming the flag for a value out of its range.
void check_recipe(const Recipe& recipe);

nlohmann::json to_json(const Recipe& recipe);
/// What to_json() wrote. Throws nlohmann::json::exception for anything else.
Recipe recipe_of(const nlohmann::json& json);

/// A named recipe.
struct PresetRow {
  const char* name;
  const char* summary;
  void (*set)(Recipe& recipe);
};
std::span<const PresetRow> preset_table();
/// Throws Error(config) for an unknown name, with the nearest one.
Recipe preset_recipe(const std::string& name);

}  // namespace miaudit
