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
  double rank = 0;              ///< 1 for the most exposed; those that nothing tells apart share their mean place.
};

/// Every record that some target trained on, the most exposed first: by how often it is surely found (the lower end
/// of its share, Clopper & Pearson at 95 %) at the last threshold, then at the one before and so on, then by
/// separation, then in order. thresholds: empty where nobody is found. O(targets·records).
std::vector<RecordExposure> record_exposures(const TargetedScores& all,
                                             std::span<const std::optional<double>> thresholds, const Context& context);

/// The first of record_exposures() under one target, which are those with the largest scores: `most` of them, or all.
/// O(records), without a place for each as record_exposures() has.
std::vector<RecordExposure> most_exposed_of_one(const TargetedScores& one,
                                                std::span<const std::optional<double>> thresholds, size_t most);

/// What a threshold for each record finds. Every score is set beside the k that the record has under targets that did
/// not train on it: (score − mean) / (deviation · t · √(1 + 1/k)), t being Student's quantile for the asked FPR with k
/// − 1 degrees. For normal scores, "above 1" accuses each record with that FPR, whatever k (a prediction interval),
/// where one threshold for all accuses some often and others never (Jälkö et al. 2026, arXiv:2605.25819). Scores are
/// not quite normal, so the threshold on these standardised scores is the one that keeps the asked FPR over all. A
/// target is judged by the others, those of its own family left out; a record with scores all alike is never accused.
struct PerRecordRates {
  Estimate tpr;  ///< As tpr_at_fpr_estimate(), of the standardised scores.
  /// Splits of one finite set of records vary less than sets drawn anew would, by the share that a model is not trained
  /// on (the finite population correction of sampling theory), which makes a record's two kinds of scores seem further
  /// apart. Here each member's score stands √(1 − share trained on) of the distance nearer: the least that may remain,
  /// since what chance beside the split adds (first weights, order) needs no correction.
  Estimate corrected_tpr;
  /// That have three such scores or more; others do not count. Of more than 2 million scores, records spread evenly
  /// over all are judged.
  uint64_t records = 0;
};
/// Intervals respect families and records; `seed` is of their resamples. Empty optional where no record on either side
/// can be judged. fpr in (0, 1). O(targets·records) and two sorts.
std::optional<PerRecordRates> per_record_rates(const TargetedScores& all, double fpr, double level, uint64_t seed,
                                               const Context& context);

}  // namespace miaudit
