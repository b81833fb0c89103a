#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "miaudit/base/context.h"
#include "miaudit/base/matrix.h"

namespace miaudit {

/// Gradient-boosted trees of several classes (XGBoost, hist, softmax; Chen & Guestrin 2016,
/// doi:10.1145/2939672.2939785), one thread, so that sums have one order.
struct BoostingOptions {
  size_t rounds = 100;  ///< each adds a tree for every class
  double learning_rate = 0.1;
  size_t max_depth = 6;
  uint64_t seed = 0;
};

class ClassTrees {
 public:
  virtual ~ClassTrees() = default;
  /// out[rows][classes], margins before the softmax.
  virtual void logits(MatrixView<const float> features, std::span<float> out) const = 0;
  /// The model as XGBoost's own JSON.
  virtual std::vector<uint8_t> json() const = 0;
};

/// What decides the bytes of a result: XGBoost's version.
std::string boosting_name();

/// A fit that is done in parts.
struct BoostingParts {
  size_t done = 0;             ///< rounds that were done before
  std::vector<uint8_t> trees;  ///< what these made: json() then; with none done it is not looked at
  /// Called before each round with the rounds done and what they made; what it throws ends the fit.
  std::function<void(size_t done, const ClassTrees& trees)> before_round;
};

/// rows: [labels][features], let go of once XGBoost has its own copy, which takes four times as much. labels: 0 …
/// classes−1. Deterministic, whatever the parts. Reports progress by round, as "training". Throws Error(input) where
/// `parts.trees` are not trees of these classes.
std::unique_ptr<ClassTrees> fit_class_trees(std::vector<float> rows, std::span<const int32_t> labels, size_t classes,
                                            const BoostingOptions& options, const Context& context,
                                            const BoostingParts& parts = {});

}  // namespace miaudit
