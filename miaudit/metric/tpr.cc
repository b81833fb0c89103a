#include "miaudit/math/distributions.h"
#include "miaudit/metric/interval.h"
#include "miaudit/metric/level.h"
#include "miaudit/metric/order_statistics.h"

namespace miaudit {
namespace {

void require_open_fpr(double fpr) {
  if (!(fpr > 0 && fpr < 1))
    fail(Category::config, "a false-positive rate of {} was asked for; it must lie strictly between 0 and 1, as 0.01",
         fpr);
}

}  // namespace

Estimate tpr_at_fpr_estimate(const SortedScores& sorted, double fpr, double level) {
  require_open_fpr(fpr);
  // A quarter each: the threshold and the rate at it, below and above.
  const double alpha = error_rate(level) / 4;
  const double members = static_cast<double>(sorted.members.size());
  Estimate estimate{{}, 0.0, 1.0, level, "order_statistics_clopper_pearson"};
  if (1 / static_cast<double>(sorted.nonmembers.size()) <= fpr)
    estimate.value = static_cast<double>(point_at_fpr(sorted, fpr).true_positives) / members;
  const double worth = sorted.worth;
  const ThresholdBracket bracket = bracket_threshold(sorted.nonmembers, fpr, alpha, worth);
  if (bracket.strict)
    estimate.low = clopper_pearson_lower(count_above(sorted.members, *bracket.strict) * worth, members * worth, alpha);
  // Every threshold with the asked rate lies above `inclusive`, so that members tied with it are not found.
  if (bracket.inclusive)
    estimate.high =
        clopper_pearson_upper(count_above(sorted.members, *bracket.inclusive) * worth, members * worth, alpha);
  return estimate;
}

Estimate tpr_given_threshold_estimate(const SortedScores& sorted, double fpr, double level) {
  require_open_fpr(fpr);
  Estimate estimate = proportion_estimate(point_at_fpr(sorted, fpr).true_positives, sorted.members.size(), level);
  estimate.method = "given_threshold_clopper_pearson";
  return estimate;
}

}  // namespace miaudit
