#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "miaudit/base/context.h"
#include "miaudit/base/matrix.h"

namespace miaudit {

/// Rows of finite features with a 0/1 label each. Both labels weigh the same in a fit, whatever their counts, so that
/// the base rate of a fold says nothing.
struct TrainingSet {
  MatrixView<const float> features;
  std::span<const uint8_t> labels;
};
/// A row's weight, by its label: rows / (2 · rows with that label). Both fits begin with it. Throws Error(internal) on
/// lengths that disagree, a feature that is not finite, or a label without rows.
std::array<double, 2> label_weights(const TrainingSet& data);

/// A fitted classifier of two classes.
class BinaryClassifier {
 public:
  virtual ~BinaryClassifier() = default;
  /// log-odds of label 1 for each row; out has as many as features has rows.
  virtual void score(MatrixView<const float> features, std::span<double> out) const = 0;
};

/// L2-regularised logistic regression on standardised features, by Newton's method. l2 > 0 is the penalty on the
/// standardised weights' ½‖w‖² in units of one record, so separable data converge too. A constant feature gets weight
/// 0. Memory: 8 · rows · features bytes; cost: rows · features² for each of some ten steps.
struct LogisticOptions {
  double l2 = 1.0;
};
std::unique_ptr<BinaryClassifier> fit_logistic(const TrainingSet& data, const LogisticOptions& options,
                                               const Context& context);

/// Gradient-boosted trees (XGBoost, hist; Chen & Guestrin 2016, doi:10.1145/2939672.2939785), one thread, so that sums
/// have one order.
struct TreesOptions {
  int trees = 100;
  double learning_rate = 0.1;
  int max_leaves = 15;
  /// Least sum of weight · p(1−p) in a leaf: 20 is 80 undecided records.
  double min_leaf_weight = 20;
  uint64_t seed = 0;
};
/// The largest leaf weight with which so many undecided rows, of weight ¼ each, still fill eight leaves.
inline double most_leaf_weight(size_t rows) {
  return 0.25 * static_cast<double>(rows) / 8;
}
std::unique_ptr<BinaryClassifier> fit_trees(const TrainingSet& data, const TreesOptions& options,
                                            const Context& context);

/// A fold of each record, 0 … folds−1, at random. Without groups (empty) each stratum is spread evenly: neither a
/// stratum's counts in two folds nor the folds' sizes differ by more than 1. With groups, one id a record, the records
/// of a group share a fold, and sizes and strata are as even as placing the groups greedily, largest first, makes them.
/// Pure function of its arguments. Throws Error(config) when folds is below 2, above 255 or above the number of groups
/// (records). Cost: O(records + largest stratum); with groups a sort and O(groups · folds) more.
std::vector<uint8_t> assign_folds(std::span<const uint32_t> strata, std::span<const int64_t> groups, int folds,
                                  uint64_t seed);

}  // namespace miaudit
