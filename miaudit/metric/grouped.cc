#include <algorithm>
#include <cmath>
#include <numeric>

#include "miaudit/base/parallel.h"
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

/// One side's records, those of a group beside each other and ascending: group g's are scores[starts[g] … starts[g+1]).
struct Side {
  std::vector<double> scores;
  std::vector<size_t> starts;
  double worth = 1;  ///< Of every record, beside what its group takes.

  double records() const { return static_cast<double>(scores.size()); }
  size_t size() const { return starts.size() - 1; }
  std::span<const double> of(size_t g) const { return std::span(scores).subspan(starts[g], starts[g + 1] - starts[g]); }
  double count(size_t g) const { return static_cast<double>(starts[g + 1] - starts[g]); }
  double groups() const {
    size_t some = 0;
    for (size_t g = 0; g < size(); ++g) some += starts[g + 1] > starts[g];
    return static_cast<double>(some);
  }
};

struct Parted {
  Side members;
  Side nonmembers;
  SortedScores sorted;
};

/// Each record's group as its place among the names of those with a known record; those of a group often follow each
/// other.
struct Places {
  std::vector<int64_t> names;
  std::vector<uint32_t> of;
};

Places places_of(std::span<const int64_t> groups, std::span<const int8_t> membership) {
  Places places{{}, std::vector<uint32_t>(groups.size())};
  for (size_t i = 0; i < groups.size(); ++i)
    if (membership[i] != -1 && (places.names.empty() || places.names.back() != groups[i]))
      places.names.push_back(groups[i]);
  std::sort(places.names.begin(), places.names.end());
  places.names.erase(std::unique(places.names.begin(), places.names.end()), places.names.end());
  for (size_t i = 0; i < groups.size(); ++i) {
    if (membership[i] == -1) continue;
    if (i > 0 && membership[i - 1] != -1 && groups[i] == groups[i - 1]) {
      places.of[i] = places.of[i - 1];
    } else {
      const auto name = std::lower_bound(places.names.begin(), places.names.end(), groups[i]);
      places.of[i] = static_cast<uint32_t>(name - places.names.begin());
    }
  }
  return places;
}

constexpr size_t kGroupsBlock = 16;

Side side_of(const GroupedScores& all, const Places& places, int8_t which) {
  Side side{{}, std::vector<size_t>(places.names.size() + 1), all.worth};
  for (size_t i = 0; i < all.scores.size(); ++i)
    if (all.membership[i] == which) ++side.starts[places.of[i] + 1];
  std::partial_sum(side.starts.begin(), side.starts.end(), side.starts.begin());
  side.scores.resize(side.starts.back());
  std::vector<size_t> next(side.starts.begin(), side.starts.end() - 1);
  for (size_t i = 0; i < all.scores.size(); ++i)
    if (all.membership[i] == which) side.scores[next[places.of[i]]++] = all.scores[i];
  for (size_t g = 0; g < side.size(); ++g)
    radix_sort(std::span(side.scores).subspan(side.starts[g], side.starts[g + 1] - side.starts[g]));
  return side;
}

Parted part(const GroupedScores& all, const Context& context) {
  if (all.groups.size() != all.scores.size())
    fail(Category::input, "{} but {} were given; there must be one of each for every record, in one order",
         counted(all.scores.size(), "score"), counted(all.groups.size(), "group"));
  Parted parted;
  parted.sorted = sort_scores(all.scores, all.membership, context);
  const Places places = places_of(all.groups, all.membership);
  parallel_blocks(2, 1, context, [&](size_t which, size_t) {
    (which ? parted.members : parted.nonmembers) = side_of(all, places, static_cast<int8_t>(which));
  });
  return parted;
}

/// What a record is worth if those of a group are copies of each other: the least it can be (Kish 1965).
double worth_of_copies(const Side& side) {
  double squares = 0;
  for (size_t g = 0; g < side.size(); ++g) squares += side.count(g) * side.count(g);
  return side.worth * side.records() / squares;
}

/// What a record is worth for the share of scores >= threshold (> threshold if `strict`): 1/design effect, never above
/// 1, with Korn & Graubard's correction for the number of groups that it was estimated from.
double worth_at(const Side& side, double threshold, bool strict, double tail) {
  std::vector<double> past(side.size());
  double share = 0;
  size_t with = 0;
  size_t without = 0;
  for (size_t g = 0; g < past.size(); ++g) {
    const std::span<const double> own = side.of(g);
    const auto first = strict ? std::ranges::upper_bound(own, threshold) : std::ranges::lower_bound(own, threshold);
    past[g] = static_cast<double>(own.end() - first);
    share += past[g] / side.records();
    with += past[g] > 0;
    without += past[g] < side.count(g);
  }
  const double least = worth_of_copies(side);
  if (std::min(with, without) < kGroupsForDesignEffect) return least;
  double squares = 0;
  for (size_t g = 0; g < past.size(); ++g) {
    const double excess = past[g] - side.count(g) * share;
    squares += excess * excess;
  }
  const double groups = side.groups();
  const double design_effect = std::max(1.0, squares * groups / (groups - 1) / (side.records() * share * (1 - share)));
  const double fewer = student_t_quantile(side.records() - 1, tail) / student_t_quantile(groups - 1, tail);
  return side.worth * fewer * fewer / design_effect;
}

/// The placements' deviations from the AUC, summed over each group, and their squares over all records.
struct Deviations {
  std::vector<double> of_groups;
  double squares = 0;
};

/// towards: +1 where the others below a record speak for it, −1 where those above do.
Deviations deviations_of(const Side& side, const std::vector<double>& others, double towards, double mean,
                         const Context& context) {
  std::vector<double> sums(side.size());
  std::vector<double> squares(side.size());
  parallel_blocks(side.size(), kGroupsBlock, context, [&](size_t begin, size_t end) {
    std::vector<double> shares;
    for (size_t g = begin; g < end; ++g) {
      shares.resize(side.of(g).size());
      ascending_placements(side.of(g), others, shares);
      for (const double share : shares) {
        const double deviation = (towards > 0 ? share : 1 - share) - mean;
        sums[g] += deviation;
        squares[g] += deviation * deviation;
      }
    }
  });
  return {std::move(sums), std::accumulate(squares.begin(), squares.end(), 0.0)};
}

AucSide auc_side(const Side& side, const Deviations& deviations) {
  double by_group = 0;
  double fourths = 0;
  for (const double deviation : deviations.of_groups) {
    by_group += deviation * deviation;
    fourths += deviation * deviation * deviation * deviation;
  }
  const double least = worth_of_copies(side) * side.records();
  const double groups = side.groups();
  if (groups < 2 || by_group <= 0) return {.records = least, .variance = 0, .carriers = 0};
  return {.records = std::clamp(side.worth * deviations.squares / by_group * side.records(), least,
                                side.worth * side.records()),
          .variance = by_group * groups / (groups - 1) / (side.records() * side.records()) / side.worth,
          .carriers = side.worth * by_group * by_group / fourths};
}

/// A random half of the groups, each group whole: `first` to choose a threshold from, `second` to judge it on.
struct Halves {
  SortedScores first;
  Parted second;
};

Halves split_groups(const Parted& all, uint64_t seed, const Context& context) {
  std::vector<size_t> order(all.members.size());
  for (size_t g = 0; g < order.size(); ++g) order[g] = g;
  Rng(seed).shuffle(std::span(order));
  std::vector<bool> in_first(order.size(), false);
  for (size_t k = 0; k < order.size() / 2; ++k) in_first[order[k]] = true;

  Halves halves;
  const auto deal = [&](const Side& side, std::vector<double>& first, Side& second,
                        std::vector<double>& second_sorted) {
    second.worth = side.worth;
    second.starts = {0};
    for (size_t g = 0; g < side.size(); ++g) {
      std::vector<double>& to = in_first[g] ? first : second.scores;
      to.insert(to.end(), side.of(g).begin(), side.of(g).end());
      second.starts.push_back(second.scores.size());
    }
    radix_sort(first);
    second_sorted = second.scores;
    radix_sort(second_sorted);
  };
  parallel_blocks(2, 1, context, [&](size_t which, size_t) {
    if (which)
      deal(all.members, halves.first.members, halves.second.members, halves.second.sorted.members);
    else
      deal(all.nonmembers, halves.first.nonmembers, halves.second.nonmembers, halves.second.sorted.nonmembers);
  });
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
  const Deviations of_members = deviations_of(all.members, all.sorted.nonmembers, 1, auc, context);
  const Deviations of_nonmembers = deviations_of(all.nonmembers, all.sorted.members, -1, auc, context);

  const double groups = static_cast<double>(all.members.size());
  double covariance = 0;
  if (groups > 1) {
    const double products = std::inner_product(of_members.of_groups.begin(), of_members.of_groups.end(),
                                               of_nonmembers.of_groups.begin(), 0.0);
    covariance = products * groups / (groups - 1) / (all.members.records() * all.nonmembers.records()) / worth;
  }
  const AucEvidence evidence = {
      .auc = auc,
      .members = auc_side(all.members, of_members),
      .nonmembers = auc_side(all.nonmembers, of_nonmembers),
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

std::vector<Estimate> advantage_estimates(const PartedGroups& grouped, std::span<const double> levels, uint64_t seed,
                                          const Context& context) {
  const Parted& all = grouped.parts().all;
  const Halves halves = split_groups(all, seed, context);
  const Parted& judged = halves.second;
  const bool can_judge = !halves.first.members.empty() && !halves.first.nonmembers.empty() &&
                         !judged.members.scores.empty() && !judged.nonmembers.scores.empty();
  const double threshold = can_judge ? best_advantage(halves.first).threshold : 0;
  const RocPoint best = best_advantage(all.sorted);
  const double value = static_cast<double>(best.true_positives) / all.members.records() -
                       static_cast<double>(best.false_positives) / all.nonmembers.records();
  std::vector<Estimate> estimates;
  for (const double level : levels) {
    Estimate& estimate = estimates.emplace_back(Estimate{value, 0.0, 1.0, level, "grouped_split_clopper_pearson_dkw"});
    const double tail = error_rate(level) / 4;
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
  return advantage_estimates(PartedGroups(grouped, context), std::span(&level, 1), seed, context).front();
}

Estimate balanced_accuracy_estimate(const GroupedScores& grouped, double level, uint64_t seed, const Context& context) {
  return as_balanced_accuracy(advantage_estimate(grouped, level, seed, context));
}

}  // namespace miaudit
