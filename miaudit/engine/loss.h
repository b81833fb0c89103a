#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace miaudit {

struct BatchLoss {
  double sum = 0;      ///< of the records' losses, in nats
  size_t correct = 0;  ///< records whose first largest logit is at their class
};

/// Softmax cross-entropy of logits [batch][classes] for the first labels.size() records, and its gradient by the logits
/// of their mean; for the records behind them, which only fill up a batch, the gradient is 0. `smoothing` in [0, 1):
/// the target gives each class smoothing/classes and the true one the rest (Szegedy et al. 2016, arXiv:1512.00567 §7).
BatchLoss softmax_cross_entropy(std::span<const float> logits, std::span<const int32_t> labels, size_t classes,
                                float smoothing, std::span<float> gradient);

}  // namespace miaudit
