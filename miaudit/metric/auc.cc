#include <algorithm>
#include <cmath>

#include "miaudit/math/distributions.h"
#include "miaudit/metric/auc_interval.h"
#include "miaudit/metric/interval.h"
#include "miaudit/metric/level.h"

namespace miaudit {
namespace {

/// Carriers at which DeLong's and the model's variances count alike.
constexpr double kModelWeight = 5;
/// Records not seen to differ that may do so all the same, in the units of 2·carriers.
constexpr double kUnseen = 6;

/// What a negative covariance may leave of the variance.
constexpr double kLeastCancelled = 0.25;

double steadied(const AucSide& side, double model, double spread) {
  const double active = std::min(1.0, (2 * side.carriers + kUnseen) / (4 * spread * side.records));
  const double averaged =
      (side.carriers * side.variance + kModelWeight * model * active) / (side.carriers + kModelWeight);
  return std::max(side.variance, averaged);
}

double steadied_variance(const AucEvidence& evidence) {
  const double spread = evidence.auc * (1 - evidence.auc);
  const double m = evidence.members.records;
  const double n = evidence.nonmembers.records;
  // Hanley & McNeil: how much the placements of one side vary if scores are exponential, and of the other.
  const double one = (1 - evidence.auc) / (2 - evidence.auc);
  const double other = evidence.auc / (1 + evidence.auc);
  const auto variance = [&](double per_member, double per_nonmember) {
    return steadied(evidence.members, spread * ((n - 1) * per_member + 0.5) / (m * n), spread) +
           steadied(evidence.nonmembers, spread * ((m - 1) * per_nonmember + 0.5) / (m * n), spread);
  };
  const double independent = std::max(variance(one, other), variance(other, one));
  // A person's own level cancels between their records on both sides, but how nearly is too uncertain to rely on fully.
  return std::max(independent + 2 * evidence.covariance, kLeastCancelled * independent);
}

}  // namespace

Estimate auc_interval(const AucEvidence& evidence, double level) {
  const double tail = error_rate(level) / 2;
  const double auc = evidence.auc;
  Estimate estimate{auc, 0.0, 1.0, level, "exact_at_perfect_order"};
  if (auc >= 1) {
    estimate.low = std::pow(tail, 1 / evidence.independent_pairs);
  } else if (auc <= 0) {
    estimate.high = 1 - std::pow(tail, 1 / evidence.independent_pairs);
  } else {
    const double degrees = std::max(1.0, evidence.degrees);
    const double shrink = normal_quantile(tail) / student_t_quantile(degrees, tail);
    const double pairs = auc * (1 - auc) / steadied_variance(evidence) * shrink * shrink;
    estimate.low = std::min(auc, clopper_pearson_lower(auc * pairs, pairs, tail));
    estimate.high = std::max(auc, clopper_pearson_upper(auc * pairs, pairs, tail));
    estimate.method = "delong_clopper_pearson";
  }
  return estimate;
}

std::vector<Estimate> auc_estimates(const SortedScores& sorted, std::span<const double> levels,
                                    const Context& context) {
  for (const double level : levels) error_rate(level);
  const AucEvidence evidence = auc_evidence(sorted, context);
  std::vector<Estimate> estimates;
  for (const double level : levels) estimates.push_back(auc_interval(evidence, level));
  return estimates;
}

Estimate auc_estimate(const SortedScores& sorted, double level, const Context& context) {
  return auc_estimates(sorted, {&level, 1}, context).front();
}

}  // namespace miaudit
