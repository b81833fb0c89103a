#include "miaudit/metric/grouped_side.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "miaudit/base/parallel.h"
#include "miaudit/base/rng.h"
#include "miaudit/math/distributions.h"
#include "miaudit/math/sort.h"

namespace miaudit {
namespace {

/// The design effect cannot be estimated from fewer groups than this on either side of a threshold …
constexpr size_t kGroupsForDesignEffect = 10;
/// … unless there are so many, each with so many scores on either side that no few of them hold what there is.
constexpr size_t kLargeGroups = 4;
constexpr double kScoresOfALargeGroup = 3;

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

GroupedSide side_of(const GroupedScores& all, const Places& places, int8_t which, const Crossing& crossing) {
  GroupedSide side{which, {}, std::vector<size_t>(places.names.size() + 1), all.worth, {}};
  for (size_t i = 0; i < all.scores.size(); ++i)
    if (all.membership[i] == which) ++side.starts[places.of[i] + 1];
  std::partial_sum(side.starts.begin(), side.starts.end(), side.starts.begin());
  side.scores.resize(side.starts.back());
  std::vector<size_t> next(side.starts.begin(), side.starts.end() - 1);
  for (size_t i = 0; i < all.scores.size(); ++i)
    if (all.membership[i] == which) side.scores[next[places.of[i]]++] = all.scores[i];
  for (size_t g = 0; g < side.places(); ++g)
    radix_sort(std::span(side.scores).subspan(side.starts[g], side.starts[g + 1] - side.starts[g]));
  if (crossing.is_there()) side.crossing_count = crossing_counts(crossing, which);
  return side;
}

// Each model's group by its first known score; models without one count nowhere.
void find_models(const GroupedScores& grouped, const Places& places, Parted& parted) {
  if (grouped.records == 0) return;
  const size_t models = grouped.scores.size() / grouped.records;
  parted.crossing = {grouped.scores, grouped.membership, grouped.records, std::vector<uint8_t>(models),
                     crossing_stride(grouped.scores.size())};
  parted.group_of_model.resize(models);
  for (size_t m = 0; m < models; ++m) {
    const std::span<const int8_t> own = grouped.membership.subspan(m * grouped.records, grouped.records);
    const auto known = std::ranges::find_if(own, [](int8_t side) { return side != -1; });
    if (known == own.end()) continue;
    parted.crossing.models[m] = 1;
    parted.group_of_model[m] = places.of[m * grouped.records + static_cast<size_t>(known - own.begin())];
  }
}

/// Variance of a share as a multiple of that of independent scores.
double design_effect(double squares, double groups, double size, double share) {
  return squares * groups / (groups - 1) / (size * share * (1 - share));
}

double effect_of_records(const Parted& parted, const GroupedSide& side, double threshold, bool strict, double share) {
  const std::vector<uint32_t> past = crossing_counts_past(parted.crossing, side.which, threshold, strict);
  double squares = 0;
  for (size_t i = 0; i < past.size(); ++i) {
    const double excess = past[i] - side.crossing_count[i] * share;
    squares += excess * excess;
  }
  return design_effect(squares, side.records(), side.looked_at(), share);
}

}  // namespace

double GroupedSide::groups() const {
  size_t some = 0;
  for (size_t g = 0; g < places(); ++g) some += starts[g + 1] > starts[g];
  return static_cast<double>(some);
}

double GroupedSide::looked_at() const {
  return std::accumulate(crossing_count.begin(), crossing_count.end(), 0.0);
}

double GroupedSide::records() const {
  return static_cast<double>(std::ranges::count_if(crossing_count, [](uint32_t count) { return count > 0; }));
}

Parted part_groups(const GroupedScores& grouped, const Context& context) {
  if (grouped.groups.size() != grouped.scores.size())
    fail(Category::input, "{} but {} were given; there must be one of each for every record, in one order",
         counted(grouped.scores.size(), "score"), counted(grouped.groups.size(), "group"));
  Parted parted;
  parted.sorted = sort_scores(grouped.scores, grouped.membership, context);
  const Places places = places_of(grouped.groups, grouped.membership);
  find_models(grouped, places, parted);
  parallel_blocks(2, 1, context, [&](size_t which, size_t) {
    (which ? parted.members : parted.nonmembers) =
        side_of(grouped, places, static_cast<int8_t>(which), parted.crossing);
  });
  return parted;
}

Halves split_groups(const Parted& all, uint64_t seed, const Context& context) {
  std::vector<size_t> order(all.members.places());
  std::iota(order.begin(), order.end(), size_t{0});
  Rng(seed).shuffle(std::span(order));
  std::vector<bool> in_first(order.size(), false);
  for (size_t k = 0; k < order.size() / 2; ++k) in_first[order[k]] = true;

  Halves halves;
  halves.second.crossing = all.crossing;
  halves.second.group_of_model = all.group_of_model;
  for (size_t m = 0; m < all.crossing.models.size(); ++m)
    if (in_first[all.group_of_model[m]]) halves.second.crossing.models[m] = 0;
  const auto deal = [&](const GroupedSide& side, std::vector<double>& first, GroupedSide& second,
                        std::vector<double>& second_sorted) {
    second.which = side.which;
    second.worth = side.worth;
    second.starts = {0};
    for (size_t g = 0; g < side.places(); ++g) {
      std::vector<double>& to = in_first[g] ? first : second.scores;
      to.insert(to.end(), side.of(g).begin(), side.of(g).end());
      second.starts.push_back(second.scores.size());
    }
    radix_sort(first);
    second_sorted = second.scores;
    radix_sort(second_sorted);
    if (all.crossing.is_there()) second.crossing_count = crossing_counts(halves.second.crossing, side.which);
  };
  parallel_blocks(2, 1, context, [&](size_t which, size_t) {
    if (which)
      deal(all.members, halves.first.members, halves.second.members, halves.second.sorted.members);
    else
      deal(all.nonmembers, halves.first.nonmembers, halves.second.nonmembers, halves.second.sorted.nonmembers);
  });
  return halves;
}

double worth_of_copies(const GroupedSide& side) {
  double of_groups = 0, of_records = 0;
  for (size_t g = 0; g < side.places(); ++g) of_groups += side.count(g) * side.count(g);
  for (const uint32_t count : side.crossing_count) of_records += static_cast<double>(count) * count;
  // What is seen of some records, for all.
  if (of_records > 0) of_records *= side.size() / side.looked_at();
  return side.worth * side.size() / std::max(of_groups, of_records);
}

double worth_at(const Parted& parted, int8_t which, double threshold, bool strict, double tail) {
  const GroupedSide& side = which == 1 ? parted.members : parted.nonmembers;
  std::vector<double> past(side.places());
  double share = 0;
  size_t with = 0, without = 0, large = 0;
  for (size_t g = 0; g < past.size(); ++g) {
    const std::span<const double> own = side.of(g);
    const auto first = strict ? std::ranges::upper_bound(own, threshold) : std::ranges::lower_bound(own, threshold);
    past[g] = static_cast<double>(own.end() - first);
    share += past[g] / side.size();
    with += past[g] > 0;
    without += past[g] < side.count(g);
    large += std::min(past[g], side.count(g) - past[g]) >= kScoresOfALargeGroup;
  }
  const double least = worth_of_copies(side);
  const double groups = side.groups();
  const bool are_large = large >= kLargeGroups && static_cast<double>(large) == groups;
  if (std::min(with, without) < kGroupsForDesignEffect && !are_large) return least;
  double squares = 0;
  for (size_t g = 0; g < past.size(); ++g) {
    const double excess = past[g] - side.count(g) * share;
    squares += excess * excess;
  }
  double effect = std::max(1.0, design_effect(squares, groups, side.size(), share));
  double fewest = groups;
  if (parted.crossing.is_there() && side.records() > 1) {
    effect += std::max(1.0, effect_of_records(parted, side, threshold, strict, share)) - 1;
    fewest = std::min(fewest, side.records());
  }
  const double fewer = student_t_quantile(side.size() - 1, tail) / student_t_quantile(fewest - 1, tail);
  return side.worth * fewer * fewer / effect;
}

}  // namespace miaudit
