#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "miaudit/base/context.h"

namespace miaudit {

/// Scores parted by truth, each side in ascending order: all that a ROC curve is. A score is higher for likelier
/// members; "score >= t" says member, so tied scores enter together. Scores must be finite.
struct SortedScores {
  std::vector<double> members;
  std::vector<double> nonmembers;
  /// How many independent records each counts for in an interval, in (0, 1]: less than 1 where scores share errors, as
  /// those of a cross-fitted attack do. No estimate depends on it.
  double worth = 1;
};

/// membership: 1 member, 0 non-member, −1 unknown (left out), as many as scores.
/// Throws Error(input) on another length, another membership value, no member, no non-member, or a score of a known
/// record that is not finite (with the first's index); Error(unsupported) on more than 2³¹ a side.
struct KnownCounts {
  size_t members;
  size_t nonmembers;
};
KnownCounts check_scores(std::span<const double> scores, std::span<const int8_t> membership, const Context& context);

/// Parts and sorts; throws as check_scores(). Cost: O(n) radix sort, two threads, 16 bytes a score at the peak beside
/// the input.
SortedScores sort_scores(std::span<const double> scores, std::span<const int8_t> membership, const Context& context);

/// One point of the curve: the counts at "score >= threshold".
struct RocPoint {
  double threshold;
  uint64_t true_positives;
  uint64_t false_positives;
};

/// Every distinct threshold from +inf (nobody is called a member) downwards. Exact integers.
std::vector<RocPoint> roc_points(const SortedScores& sorted);
/// At most `limit` >= 4 points of it, for drawing: always the ends and the largest true-positive count at each of a
/// logarithmic grid of false-positive counts.
std::vector<RocPoint> roc_outline(const SortedScores& sorted, size_t limit);

/// Largest TPR with FPR <= fpr, without interpolation, and the lowest threshold that gives it (ties whole).
RocPoint point_at_fpr(const SortedScores& sorted, double fpr);
/// Point of the largest TPR − FPR (the first from above among equals).
RocPoint best_advantage(const SortedScores& sorted, const Context& context = {});

/// Pr[member's score > non-member's] + ½ Pr[equal], and DeLong's variance of it (DeLong et al. 1988,
/// doi:10.2307/2531595); a side of one record adds nothing to the variance, which is then too small. Exact integer
/// sums; O(n), in blocks.
struct AucMoments {
  double auc;
  double variance;
};
AucMoments auc_moments(const SortedScores& sorted, const Context& context);

}  // namespace miaudit
