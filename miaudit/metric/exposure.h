#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "miaudit/base/context.h"
#include "miaudit/metric/estimate.h"

namespace miaudit {

/// Scores of the same records under several targets, and who trained on what.
struct TargetedScores {
  std::span<const double> scores;      ///< [targets][records]; higher = more likely a member
  std::span<const int8_t> membership;  ///< [targets][records]: 1, 0, −1 = not known or without a score
  size_t records = 0;
  std::span<const int64_t> families;  ///< [targets]; targets whose splits depend on each other have one family
};

/// How often a record is found when it is a member.
struct RecordExposure {
  uint64_t record = 0;
  uint32_t trained = 0;         ///< How many targets trained on it and gave it a score.
  std::vector<uint32_t> found;  ///< Of these, how many give it a score >= each threshold.
  double separation = 0;        ///< Mean score as a member less that as a non-member, as far as there are both.
};

/// Every record that some target trained on, the most exposed first: by what is found at the last threshold, then at
/// the one before and so on, then by separation, then in order. thresholds: empty where nobody is found.
/// O(targets·records).
std::vector<RecordExposure> record_exposures(const TargetedScores& all,
                                             std::span<const std::optional<double>> thresholds);

/// Rates of a rule that accuses each record by a threshold of its own: score > mean + t·deviation·√(1 + 1/k) of the k
/// scores that the record has under targets that did not train on it, t being Student's quantile for the asked FPR with
/// k − 1 degrees. For normal scores each record then has that FPR, whatever k (a prediction interval); one threshold
/// for all accuses some records often and others never (Jälkö et al. 2026, arXiv:2605.25819). A target is judged by the
/// others, those of its own family left out; a record with k < 3, or with scores all alike, is never accused.
struct PerRecordRates {
  Estimate tpr;
  Estimate fpr;  ///< What non-members of the audit find of the rule: near the asked FPR where scores are nearly normal.
  /// Splits of one finite set of records vary less than sets drawn anew would, by the share that a model is not trained
  /// on (the finite population correction of sampling theory), which makes a record's two kinds of scores seem further
  /// apart. Here each member's score stands √(1 − share trained on) of the distance nearer: the least that may remain,
  /// since what chance beside the split adds (first weights, order) needs no correction.
  Estimate corrected_tpr;
  uint64_t records = 0;  ///< that have three such scores or more
};
/// Intervals respect families and records. Empty optional where no record on either side can be judged. fpr in (0, 1).
/// O(targets·records).
std::optional<PerRecordRates> per_record_rates(const TargetedScores& all, double fpr, double level,
                                               const Context& context);

}  // namespace miaudit
