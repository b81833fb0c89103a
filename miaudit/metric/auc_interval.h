#pragma once

#include "miaudit/base/context.h"
#include "miaudit/metric/estimate.h"
#include "miaudit/metric/roc.h"

namespace miaudit {

/// What one side says of the AUC. A record's placement is the share of the other side that it is in order with.
struct AucSide {
  /// Records, or what they are worth where records of one group resemble each other: >= 1.
  double records;
  /// Variance of the mean placement.
  double variance;
  /// How many records (groups) that variance rests on: (Σd²)²/Σd⁴ over the placements' deviations d. 1 where a single
  /// one stands out, about half of them for continuous scores, 0 where none differ.
  double carriers;
};

struct AucEvidence {
  double auc;
  AucSide members;
  AucSide nonmembers;
  /// Of the two sides' means, where groups hold both; otherwise 0.
  double covariance;
  /// How many pairs (a member, a non-member) can be formed at once, no record or group in two of them.
  double independent_pairs;
  double degrees;
};

/// Of independent records. O(n), two passes.
AucEvidence auc_evidence(const SortedScores& sorted, const Context& context);

/// The AUC θ as a proportion: Clopper–Pearson limits of θ·p successes in p trials, p = θ(1−θ)/variance taken down by
/// the squared ratio of the normal to Student's quantile (as Korn & Graubard 1998 do for surveys).
///
/// Each side's variance is DeLong's (1988), never lowered, but averaged with a model's where few records carry it: the
/// weights are `carriers` and 5. The model is Hanley & McNeil's (1982, doi:10.1148/radiology.143.1.7063747), the larger
/// of it both ways round, times min(1, (2·carriers + 6)/(4θ(1−θ)·records)): where all but a few records are tied, no
/// more than those and some unseen ones can move the AUC. The three constants were chosen by simulation.
///
/// At AUC 0 or 1 there is no variance, and the bound is exact: k independent pairs are all in order with probability at
/// most θ^k, so low = (α/2)^(1/k). Some scores attain it (all members alike), so nothing better holds for all.
///
/// Two-sided; asymptotically exact, conservative for few records and near 0 and 1. Simulated at level .95
/// (tests/statistical) for AUC .5 to .998, 10 to 25 000 records, sides of 1:1 to 1:19, and normal, exponential,
/// unequal-variance, eight-valued, two-valued and saturated scores, coverage is .94 to 1, where plain DeLong's is .04
/// to .96; where DeLong's holds, the mean width is within 5 % of it from some hundred records a side on.
Estimate auc_interval(const AucEvidence& evidence, double level);

}  // namespace miaudit
