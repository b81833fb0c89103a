#pragma once

#include <span>

#include "miaudit/attack/attack.h"
#include "miaudit/audit/result.h"
#include "miaudit/audit/score.h"

namespace miaudit {

struct Threshold {
  double value = 0;
  double member_mean = 0;
  double nonmember_mean = 0;
};

/// The rule's threshold from scores whose membership is known (1 or 0; −1 does not count). Means are added in NumPy's
/// order, so that a score which ties with one is decided as np.mean decides it; but the mean of equal scores is that
/// score, and `>=` holds for each of them. O(records), and as much memory again.
Threshold decision_threshold(DecisionRule rule, std::span<const double> scores, std::span<const int8_t> membership,
                             const Context& context);

/// A rule by means on the audited records: its threshold from all of them, its accuracy by thresholds from other folds.
Decision decide(DecisionRule rule, std::span<const double> scores, std::span<const int8_t> membership,
                const Folds& folds, double level, const Context& context);

}  // namespace miaudit
