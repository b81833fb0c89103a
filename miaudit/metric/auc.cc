#include <algorithm>
#include <cmath>

#include "miaudit/math/distributions.h"
#include "miaudit/metric/auc_interval.h"
#include "miaudit/metric/interval.h"
#include "miaudit/metric/level.h"

namespace miaudit {
namespace {

/// Discordant pairs' worth of evidence at which DeLong's and Hanley & McNeil's variances count alike.
constexpr double kPriorWeight = 5;

double hanley_mcneil_variance(double auc, double members, double nonmembers) {
  const double above = (1 - auc) / (2 - auc);
  const double below = auc / (1 + auc);
  const double m = members - 1;
  const double n = nonmembers - 1;
  return auc * (1 - auc) * (1 + std::max(m * above + n * below, n * above + m * below)) / (members * nonmembers);
}

double steadied_variance(const AucEvidence& evidence) {
  const double prior = hanley_mcneil_variance(evidence.auc, evidence.members, evidence.nonmembers);
  if (!(evidence.variance > 0) || evidence.members < 2 || evidence.nonmembers < 2) return prior;
  const double spread = evidence.auc * (1 - evidence.auc);
  const double discordant = spread * spread / evidence.variance;
  const double averaged = (discordant * evidence.variance + kPriorWeight * prior) / (discordant + kPriorWeight);
  return std::max(evidence.variance, averaged);
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

Estimate auc_estimate(const SortedScores& sorted, double level, const Context& context) {
  const AucMoments moments = auc_moments(sorted, context);
  const double members = static_cast<double>(sorted.members.size());
  const double nonmembers = static_cast<double>(sorted.nonmembers.size());
  return auc_interval({.auc = moments.auc,
                       .variance = moments.variance,
                       .members = members,
                       .nonmembers = nonmembers,
                       .independent_pairs = std::min(members, nonmembers),
                       .degrees = members + nonmembers - 2},
                      level);
}

}  // namespace miaudit
