#include <algorithm>
#include <cmath>

#include "miaudit/base/rng.h"
#include "miaudit/math/distributions.h"
#include "miaudit/metric/advantage_interval.h"
#include "miaudit/metric/interval.h"
#include "miaudit/metric/level.h"
#include "miaudit/metric/order_statistics.h"

namespace miaudit {
namespace {

/// A uniformly random half (the larger, if odd, is `judged`), each in the order it had.
void split(const std::vector<double>& ascending, Rng rng, std::vector<double>& chosen_from,
           std::vector<double>& judged) {
  uint64_t wanted = ascending.size() / 2;
  for (size_t i = 0; i < ascending.size(); ++i) {
    const bool take = rng.below(ascending.size() - i) < wanted;
    wanted -= take;
    (take ? chosen_from : judged).push_back(ascending[i]);
  }
}

}  // namespace

double dkw_margin(double n, double alpha) { return std::sqrt(-std::log(alpha) / (2 * n)); }

double advantage_lower_limit(const SortedScores& judged, double threshold, double alpha, Worth worth) {
  const double members = static_cast<double>(judged.members.size());
  const double nonmembers = static_cast<double>(judged.nonmembers.size());
  const double tpr =
      clopper_pearson_lower(count_from(judged.members, threshold) * worth.member, members * worth.member, alpha);
  const double fpr = clopper_pearson_upper(count_from(judged.nonmembers, threshold) * worth.nonmember,
                                           nonmembers * worth.nonmember, alpha);
  return std::max(0.0, tpr - fpr);
}

Estimate as_balanced_accuracy(Estimate advantage) {
  for (std::optional<double>* bound : {&advantage.value, &advantage.low, &advantage.high})
    if (*bound) *bound = 0.5 + 0.5 * **bound;
  return advantage;
}

Estimate advantage_estimate(const SortedScores& sorted, double level, uint64_t seed) {
  // A quarter each for the true- and the false-positive rate, below and above.
  const double alpha = error_rate(level) / 4;
  const double members = static_cast<double>(sorted.members.size());
  const double nonmembers = static_cast<double>(sorted.nonmembers.size());
  const RocPoint best = best_advantage(sorted);
  const double value =
      static_cast<double>(best.true_positives) / members - static_cast<double>(best.false_positives) / nonmembers;
  Estimate estimate{value, 0.0, 1.0, level, "split_clopper_pearson_dkw"};
  if (members >= 2 && nonmembers >= 2) {
    SortedScores chosen_from;
    SortedScores judged;
    split(sorted.members, Rng(seed, 0), chosen_from.members, judged.members);
    split(sorted.nonmembers, Rng(seed, 1), chosen_from.nonmembers, judged.nonmembers);
    const double threshold = best_advantage(chosen_from).threshold;
    estimate.low = std::min(value, advantage_lower_limit(judged, threshold, alpha, {}));
  }
  estimate.high = std::min(1.0, value + dkw_margin(members, alpha) + dkw_margin(nonmembers, alpha));
  return estimate;
}

Estimate balanced_accuracy_estimate(const SortedScores& sorted, double level, uint64_t seed) {
  return as_balanced_accuracy(advantage_estimate(sorted, level, seed));
}

}  // namespace miaudit
