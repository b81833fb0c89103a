#pragma once

#include <optional>
#include <vector>

namespace miaudit {

/// Thresholds between which, but for the stated probability on each side, every threshold with the asked false-positive
/// rate lies. An empty one: there are too few non-members to say.
struct ThresholdBracket {
  std::optional<double> strict;     ///< "score > strict" has a true false-positive rate of at most fpr
  std::optional<double> inclusive;  ///< "score >= inclusive" has a true rate above fpr
};

/// The rate past the k-th highest of n non-members is Beta-distributed whatever the scores' distribution, and ties only
/// make the strict rate smaller and the inclusive one larger. So `strict` is the lowest non-member's score with an
/// upper Clopper–Pearson limit, for the count above it, of at most fpr; `inclusive` the highest with a lower limit, for
/// the count down to it, of at least fpr. nonmembers: ascending. alpha: probability of error on each side. worth in (0,
/// 1]: how many independent records each counts for (1 without groups). Exact for worth 1 and continuous scores. O(log
/// n).
ThresholdBracket bracket_threshold(const std::vector<double>& nonmembers, double fpr, double alpha, double worth);

/// How many of the ascending values are > threshold, and >= threshold.
double count_above(const std::vector<double>& ascending, double threshold);
double count_from(const std::vector<double>& ascending, double threshold);

}  // namespace miaudit
