#include <algorithm>
#include <cmath>
#include <numeric>

#include "miaudit/base/rng.h"
#include "miaudit/math/distributions.h"
#include "miaudit/math/sort.h"
#include "miaudit/metric/advantage_interval.h"
#include "miaudit/metric/auc_interval.h"
#include "miaudit/metric/interval.h"
#include "miaudit/metric/level.h"
#include "miaudit/metric/order_statistics.h"
#include "miaudit/metric/placements.h"

namespace miaudit {
namespace {

/// With fewer groups than this on either side of a threshold, the design effect cannot be estimated from them.
constexpr size_t kGroupsForDesignEffect = 10;

/// One side's records; group[i] in 0 … counts.size()−1, counts[g] how many of this side group g holds.
struct Side {
  std::vector<double> scores;
  std::vector<size_t> group;
  std::vector<double> counts;
  double worth = 1;  ///< Of every record, beside what its group takes.

  double records() const { return static_cast<double>(scores.size()); }
  double groups() const {
    return static_cast<double>(std::count_if(counts.begin(), counts.end(), [](double count) { return count > 0; }));
  }
  /// A sum over the records of each group.
  template <class Value>
  std::vector<double> sums(const Value& value) const {
    std::vector<double> totals(counts.size(), 0.0);
    for (size_t i = 0; i < scores.size(); ++i) totals[group[i]] += value(i);
    return totals;
  }
};

struct Parted {
  Side members;
  Side nonmembers;
  SortedScores sorted;
};

Parted part(const GroupedScores& grouped_scores, const Context& context) {
  const auto& [scores, membership, groups, worth] = grouped_scores;
  if (groups.size() != scores.size())
    fail(Category::input, "{} but {} were given; there must be one of each for every record, in one order",
         counted(scores.size(), "score"), counted(groups.size(), "group"));
  Parted parted;
  parted.sorted = sort_scores(scores, membership, context);
  for (Side* side : {&parted.members, &parted.nonmembers}) side->worth = worth;
  std::vector<int64_t> names;
  for (size_t i = 0; i < groups.size(); ++i)  // those of a group often follow each other
    if (membership[i] != -1 && (names.empty() || names.back() != groups[i])) names.push_back(groups[i]);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  for (Side* side : {&parted.members, &parted.nonmembers}) side->counts.assign(names.size(), 0);
  for (size_t i = 0; i < scores.size(); ++i) {
    if (membership[i] == -1) continue;
    Side& side = membership[i] == 1 ? parted.members : parted.nonmembers;
    const auto name = std::lower_bound(names.begin(), names.end(), groups[i]);
    side.group.push_back(static_cast<size_t>(name - names.begin()));
    side.scores.push_back(scores[i]);
    ++side.counts[side.group.back()];
  }
  return parted;
}

/// What a record is worth if those of a group are copies of each other: the least it can be (Kish 1965).
double worth_of_copies(const Side& side) {
  double squares = 0;
  for (const double count : side.counts) squares += count * count;
  return side.worth * side.records() / squares;
}

/// What a record is worth for the share of scores >= threshold (> threshold if `strict`): 1/design effect, never above
/// 1, with Korn & Graubard's correction for the number of groups that it was estimated from.
double worth_at(const Side& side, double threshold, bool strict, double tail) {
  const std::vector<double> past = side.sums(
      [&](size_t i) { return (strict ? side.scores[i] > threshold : side.scores[i] >= threshold) ? 1.0 : 0.0; });
  double share = 0;
  size_t with = 0;
  size_t without = 0;
  for (size_t g = 0; g < past.size(); ++g) {
    share += past[g] / side.records();
    with += past[g] > 0;
    without += past[g] < side.counts[g];
  }
  const double least = worth_of_copies(side);
  if (std::min(with, without) < kGroupsForDesignEffect) return least;
  double squares = 0;
  for (size_t g = 0; g < past.size(); ++g) {
    const double excess = past[g] - side.counts[g] * share;
    squares += excess * excess;
  }
  const double groups = side.groups();
  const double design_effect = std::max(1.0, squares * groups / (groups - 1) / (side.records() * share * (1 - share)));
  const double fewer = student_t_quantile(side.records() - 1, tail) / student_t_quantile(groups - 1, tail);
  return side.worth * fewer * fewer / design_effect;
}

/// The placements' deviations from the AUC, summed over each group.
std::vector<double> group_deviations(const Side& side, const std::vector<double>& shares, double mean) {
  return side.sums([&](size_t i) { return shares[i] - mean; });
}

AucSide auc_side(const Side& side, const std::vector<double>& shares, double mean) {
  double by_group = 0;
  double fourths = 0;
  double by_record = 0;
  for (const double deviation : group_deviations(side, shares, mean)) {
    by_group += deviation * deviation;
    fourths += deviation * deviation * deviation * deviation;
  }
  for (const double share : shares) by_record += (share - mean) * (share - mean);
  const double least = worth_of_copies(side) * side.records();
  const double groups = side.groups();
  if (groups < 2 || by_group <= 0) return {.records = least, .variance = 0, .carriers = 0};
  return {.records = std::clamp(side.worth * by_record / by_group * side.records(), least, side.worth * side.records()),
          .variance = by_group * groups / (groups - 1) / (side.records() * side.records()) / side.worth,
          .carriers = side.worth * by_group * by_group / fourths};
}

/// A random half of the groups, each group whole: `first` to choose a threshold from, `second` to judge it on.
struct Halves {
  SortedScores first;
  Parted second;
};

Halves split_groups(const Parted& all, uint64_t seed) {
  std::vector<size_t> order(all.members.counts.size());
  for (size_t g = 0; g < order.size(); ++g) order[g] = g;
  Rng(seed).shuffle(std::span(order));
  std::vector<bool> in_first(order.size(), false);
  for (size_t k = 0; k < order.size() / 2; ++k) in_first[order[k]] = true;

  Halves halves;
  const auto deal = [&](const Side& side, std::vector<double>& first, Side& second,
                        std::vector<double>& second_sorted) {
    second.counts.assign(side.counts.size(), 0);
    second.worth = side.worth;
    for (size_t i = 0; i < side.scores.size(); ++i) {
      if (in_first[side.group[i]]) {
        first.push_back(side.scores[i]);
      } else {
        second.scores.push_back(side.scores[i]);
        second.group.push_back(side.group[i]);
        ++second.counts[side.group[i]];
      }
    }
    radix_sort(first);
    second_sorted = second.scores;
    radix_sort(second_sorted);
  };
  deal(all.members, halves.first.members, halves.second.members, halves.second.sorted.members);
  deal(all.nonmembers, halves.first.nonmembers, halves.second.nonmembers, halves.second.sorted.nonmembers);
  return halves;
}

}  // namespace

struct PartedGroups::Parts {
  Parted all;
};

PartedGroups::PartedGroups(const GroupedScores& grouped, const Context& context)
    : parts_(new Parts{part(grouped, context)}) {}
PartedGroups::~PartedGroups() = default;
PartedGroups::PartedGroups(PartedGroups&&) noexcept = default;

const SortedScores& PartedGroups::sorted() const {
  return parts_->all.sorted;
}

std::vector<Estimate> auc_estimates(const PartedGroups& grouped, std::span<const double> levels,
                                    const Context& context) {
  for (const double level : levels) error_rate(level);
  const Parted& all = grouped.parts().all;
  const double worth = all.members.worth;
  const double auc = auc_moments(all.sorted, context).auc;
  const std::vector<double> member_shares = placements(all.members.scores, all.sorted.nonmembers, context);
  std::vector<double> nonmember_shares = placements(all.nonmembers.scores, all.sorted.members, context);
  for (double& share : nonmember_shares) share = 1 - share;

  const double groups = static_cast<double>(all.members.counts.size());
  double covariance = 0;
  if (groups > 1) {
    const std::vector<double> of_members = group_deviations(all.members, member_shares, auc);
    const std::vector<double> of_nonmembers = group_deviations(all.nonmembers, nonmember_shares, auc);
    const double products = std::inner_product(of_members.begin(), of_members.end(), of_nonmembers.begin(), 0.0);
    covariance = products * groups / (groups - 1) / (all.members.records() * all.nonmembers.records()) / worth;
  }
  const AucEvidence evidence = {
      .auc = auc,
      .members = auc_side(all.members, member_shares, auc),
      .nonmembers = auc_side(all.nonmembers, nonmember_shares, auc),
      .covariance = covariance,
      // A pair takes two different groups.
      .independent_pairs = std::max(
          1.0, std::floor(worth * std::min({all.members.groups(), all.nonmembers.groups(), std::floor(groups / 2)}))),
      .degrees = worth * groups - 2};
  std::vector<Estimate> estimates;
  for (const double level : levels) {
    estimates.push_back(auc_interval(evidence, level));
    estimates.back().method = "grouped_" + estimates.back().method;
  }
  return estimates;
}

Estimate auc_estimate(const GroupedScores& grouped, double level, const Context& context) {
  return auc_estimates(PartedGroups(grouped, context), std::span(&level, 1), context).front();
}

Estimate tpr_at_fpr_estimate(const GroupedScores& grouped, double fpr, double level, const Context& context) {
  return tpr_at_fpr_estimate(PartedGroups(grouped, context), fpr, level);
}

Estimate tpr_at_fpr_estimate(const PartedGroups& grouped, double fpr, double level) {
  const Parted& all = grouped.parts().all;
  Estimate estimate = tpr_at_fpr_estimate(all.sorted, fpr, level);
  estimate.method = "grouped_" + estimate.method;
  estimate.low = 0;
  estimate.high = 1;
  const double tail = error_rate(level) / 4;
  const double nonmember_worth = worth_at(all.nonmembers, point_at_fpr(all.sorted, fpr).threshold, false, tail);
  const ThresholdBracket bracket = bracket_threshold(all.sorted.nonmembers, fpr, tail, nonmember_worth);
  const double members = all.members.records();
  if (bracket.strict) {
    const double worth = worth_at(all.members, *bracket.strict, true, tail);
    estimate.low =
        clopper_pearson_lower(count_above(all.sorted.members, *bracket.strict) * worth, members * worth, tail);
  }
  if (bracket.inclusive) {
    const double worth = worth_at(all.members, *bracket.inclusive, true, tail);
    estimate.high =
        clopper_pearson_upper(count_above(all.sorted.members, *bracket.inclusive) * worth, members * worth, tail);
  }
  if (estimate.value) {
    estimate.low = std::min(*estimate.low, *estimate.value);
    estimate.high = std::max(*estimate.high, *estimate.value);
  }
  return estimate;
}

std::vector<Estimate> advantage_estimates(const PartedGroups& grouped, std::span<const double> levels, uint64_t seed) {
  const Parted& all = grouped.parts().all;
  const Halves halves = split_groups(all, seed);
  const Parted& judged = halves.second;
  const bool can_judge = !halves.first.members.empty() && !halves.first.nonmembers.empty() &&
                         !judged.members.scores.empty() && !judged.nonmembers.scores.empty();
  const double threshold = can_judge ? best_advantage(halves.first).threshold : 0;
  std::vector<Estimate> estimates = advantage_estimates(all.sorted, levels, seed);
  for (Estimate& estimate : estimates) {
    estimate.method = "grouped_" + estimate.method;
    const double tail = error_rate(estimate.level) / 4;
    const double value = *estimate.value;
    estimate.low = 0;
    if (can_judge) {
      const Worth worth{worth_at(judged.members, threshold, false, tail),
                        worth_at(judged.nonmembers, threshold, false, tail)};
      estimate.low = std::min(value, advantage_lower_limit(judged.sorted, threshold, tail, worth));
    }
    estimate.high = std::min(1.0, value + dkw_margin(all.members.records() * worth_of_copies(all.members), tail) +
                                      dkw_margin(all.nonmembers.records() * worth_of_copies(all.nonmembers), tail));
  }
  return estimates;
}

Estimate advantage_estimate(const GroupedScores& grouped, double level, uint64_t seed, const Context& context) {
  return advantage_estimates(PartedGroups(grouped, context), std::span(&level, 1), seed).front();
}

Estimate balanced_accuracy_estimate(const GroupedScores& grouped, double level, uint64_t seed, const Context& context) {
  return as_balanced_accuracy(advantage_estimate(grouped, level, seed, context));
}

}  // namespace miaudit
