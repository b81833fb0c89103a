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

struct Halves {
  std::vector<double> chosen_from;
  std::vector<double> judged;
};

/// Parts the values by a coin for each, in the order they had; again where one half gets none. At least two values.
Halves split(const std::vector<double>& ascending, Rng rng) {
  const size_t count = ascending.size();
  Halves halves;
  do {
    // Each value is written to both ends and one end moves on: no branch to mispredict.
    halves.chosen_from.resize(count + 1);
    halves.judged.resize(count + 1);
    double* to[2] = {halves.chosen_from.data(), halves.judged.data()};
    uint64_t coins = 0;
    for (size_t i = 0; i < count; ++i) {
      if (i % 64 == 0) coins = rng();
      *to[0] = ascending[i];
      *to[1] = ascending[i];
      ++to[coins & 1];
      coins >>= 1;
    }
    halves.chosen_from.resize(static_cast<size_t>(to[0] - halves.chosen_from.data()));
    halves.judged.resize(static_cast<size_t>(to[1] - halves.judged.data()));
  } while (halves.chosen_from.empty() || halves.judged.empty());
  return halves;
}

}  // namespace

double dkw_margin(double n, double alpha) {
  return std::sqrt(-std::log(alpha) / (2 * n));
}

double advantage_lower_limit(const SidePast& members, const SidePast& nonmembers, double alpha) {
  const double tpr = clopper_pearson_lower(members.past * members.worth, members.scores * members.worth, alpha);
  const double fpr =
      clopper_pearson_upper(nonmembers.past * nonmembers.worth, nonmembers.scores * nonmembers.worth, alpha);
  return std::max(0.0, tpr - fpr);
}

Estimate as_balanced_accuracy(Estimate advantage) {
  for (std::optional<double>* bound : {&advantage.value, &advantage.low, &advantage.high})
    if (*bound) *bound = 0.5 + 0.5 * **bound;
  return advantage;
}

std::vector<Estimate> advantage_estimates(const SortedScores& sorted, std::span<const double> levels, uint64_t seed) {
  const double members = static_cast<double>(sorted.members.size());
  const double nonmembers = static_cast<double>(sorted.nonmembers.size());
  const RocPoint best = best_advantage(sorted);
  const double value =
      static_cast<double>(best.true_positives) / members - static_cast<double>(best.false_positives) / nonmembers;

  SidePast judged_members, judged_nonmembers;
  const bool can_judge = members >= 2 && nonmembers >= 2;
  if (can_judge) {
    Halves member_halves = split(sorted.members, Rng(seed, 0));
    Halves nonmember_halves = split(sorted.nonmembers, Rng(seed, 1));
    const double threshold =
        best_advantage({std::move(member_halves.chosen_from), std::move(nonmember_halves.chosen_from)}).threshold;
    const auto past = [&](const std::vector<double>& judged) {
      return SidePast{count_from(judged, threshold), static_cast<double>(judged.size()), sorted.worth};
    };
    judged_members = past(member_halves.judged);
    judged_nonmembers = past(nonmember_halves.judged);
  }

  std::vector<Estimate> estimates;
  for (const double level : levels) {
    // A quarter each for the true- and the false-positive rate, below and above.
    const double alpha = error_rate(level) / 4;
    Estimate estimate{value, 0.0, 1.0, level, "split_clopper_pearson_dkw"};
    if (can_judge) estimate.low = std::min(value, advantage_lower_limit(judged_members, judged_nonmembers, alpha));
    estimate.high =
        std::min(1.0, value + dkw_margin(members * sorted.worth, alpha) + dkw_margin(nonmembers * sorted.worth, alpha));
    estimates.push_back(std::move(estimate));
  }
  return estimates;
}

Estimate advantage_estimate(const SortedScores& sorted, double level, uint64_t seed) {
  return advantage_estimates(sorted, {&level, 1}, seed).front();
}

Estimate balanced_accuracy_estimate(const SortedScores& sorted, double level, uint64_t seed) {
  return as_balanced_accuracy(advantage_estimate(sorted, level, seed));
}

}  // namespace miaudit
