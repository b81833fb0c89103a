#include "miaudit/metric/grouped_side.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "miaudit/base/parallel.h"
#include "miaudit/base/rng.h"
#include "miaudit/math/distributions.h"
#include "miaudit/math/sort.h"

namespace miaudit {
namespace {

/// The design effect can be estimated from so many groups on either side of a threshold …
constexpr size_t kGroupsForDesignEffect = 10;
/// … or where there are so many groups with so many scores each, on the average, on either side.
constexpr double kLargeGroups = 4;
constexpr double kScoresOfALargeGroup = 5;
/// Records of a group that are looked at together.
constexpr size_t kStretch = 256;

/// Stretches of records of one group, each to the next one's begin: groups by their places among the names of those
/// with a known record; a record of unknown membership goes with the one before.
struct Places {
  struct Stretch {
    size_t begin;
    uint32_t group;
  };
  std::vector<int64_t> names;
  std::vector<Stretch> stretches;
};

int64_t group_of(const GroupedScores& all, size_t score) {
  return all.groups[all.records > 0 ? score / all.records : score];
}

Places places_of(const GroupedScores& all) {
  struct Found {
    size_t begin;
    int64_t name;
  };
  std::vector<Found> found;
  // Where records cross models, each model's are of one group.
  const size_t step = all.records > 0 ? all.records : 1;
  for (size_t begin = 0; begin < all.scores.size(); begin += step) {
    const std::span<const int8_t> own = all.membership.subspan(begin, step);
    const auto known = std::ranges::find_if(own, [](int8_t side) { return side != -1; });
    if (known == own.end()) continue;
    const int64_t name = group_of(all, begin + static_cast<size_t>(known - own.begin()));
    if (found.empty() || found.back().name != name) found.push_back({begin, name});
  }
  Places places;
  for (const Found& own : found) places.names.push_back(own.name);
  std::sort(places.names.begin(), places.names.end());
  places.names.erase(std::unique(places.names.begin(), places.names.end()), places.names.end());
  for (const Found& own : found) {
    const auto name = std::lower_bound(places.names.begin(), places.names.end(), own.name);
    places.stretches.push_back({own.begin, static_cast<uint32_t>(name - places.names.begin())});
  }
  return places;
}

/// Calls visit(group, begin, end) for all records whose group is known, at most kStretch at a time.
template <class Visit>
void each_stretch(const Places& places, size_t records, const Visit& visit) {
  for (size_t s = 0; s < places.stretches.size(); ++s) {
    const size_t last = s + 1 < places.stretches.size() ? places.stretches[s + 1].begin : records;
    for (size_t begin = places.stretches[s].begin; begin < last; begin += kStretch)
      visit(places.stretches[s].group, begin, std::min(last, begin + kStretch));
  }
}

/// Puts a group's scores beside each other.
GroupedSide side_of(const GroupedScores& all, const Places& places, int8_t which, std::vector<double>& scores) {
  std::vector<size_t> starts(places.names.size() + 1);
  each_stretch(places, all.scores.size(), [&](uint32_t group, size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) starts[group + 1] += all.membership[i] == which;
  });
  std::partial_sum(starts.begin(), starts.end(), starts.begin());
  scores.resize(starts.back());
  GroupedSide side{which, {}, scores.size(), all.worth, {}};
  for (size_t g = 0; g + 1 < starts.size(); ++g)
    side.by_group.push_back(std::span(scores).subspan(starts[g], starts[g + 1] - starts[g]));
  each_stretch(places, all.scores.size(), [&](uint32_t group, size_t begin, size_t end) {
    // Without a branch on the truth, which no processor could predict.
    std::array<double, kStretch> own;
    size_t count = 0;
    for (size_t i = begin; i < end; ++i) {
      own[count] = all.scores[i];
      count += all.membership[i] == which;
    }
    std::copy_n(own.begin(), count, scores.begin() + static_cast<ptrdiff_t>(starts[group]));
    starts[group] += count;
  });
  return side;
}

void sort_groups(Parted& parted, const Context& context) {
  std::vector<std::span<double>> groups;
  for (const size_t which : {0, 1}) {
    double* next = parted.scores[which].data();
    for (const std::span<const double> own : (which ? parted.members : parted.nonmembers).by_group) {
      groups.emplace_back(next, own.size());
      next += own.size();
    }
  }
  parallel_blocks(groups.size(), 16, context, [&](size_t begin, size_t end) {
    for (size_t g = begin; g < end; ++g) radix_sort(groups[g]);
  });
}

/// Names in their order, as 0, 1, …
std::vector<uint32_t> places_of(std::span<const int64_t> people) {
  std::vector<int64_t> names(people.begin(), people.end());
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::vector<uint32_t> places;
  for (const int64_t person : people)
    places.push_back(static_cast<uint32_t>(std::ranges::lower_bound(names, person) - names.begin()));
  return places;
}

// Models without a known score count nowhere.
void find_models(const GroupedScores& grouped, const Places& places, Parted& parted) {
  if (grouped.records == 0) return;
  const size_t models = grouped.scores.size() / grouped.records;
  parted.crossing = {grouped.scores,
                     grouped.membership,
                     grouped.records,
                     std::vector<uint8_t>(models),
                     places_of(grouped.people),
                     grouped.people.empty() ? crossing_stride(grouped.scores.size()) : 1};
  parted.group_of_model.resize(models);
  for (size_t m = 0; m < models; ++m) {
    const std::span<const int8_t> own = grouped.membership.subspan(m * grouped.records, grouped.records);
    if (std::ranges::all_of(own, [](int8_t side) { return side == -1; })) continue;
    parted.crossing.models[m] = 1;
    parted.group_of_model[m] =
        static_cast<uint32_t>(std::ranges::lower_bound(places.names, grouped.groups[m]) - places.names.begin());
  }
}

/// Variance of a share as a multiple of that of independent scores.
double design_effect(double squares, double groups, double size, double share) {
  return squares * groups / (groups - 1) / (size * share * (1 - share));
}

/// Scores past a threshold, over all models, by record (or person), as a design effect.
double effect_of_records(const Parted& parted, const GroupedSide& side, double threshold, bool strict, double share) {
  const std::vector<uint32_t> past = crossing_counts_past(parted.crossing, side.which, threshold, strict);
  double squares = 0;
  for (size_t i = 0; i < past.size(); ++i) {
    const double excess = past[i] - side.crossing_count[i] * share;
    squares += excess * excess;
  }
  return design_effect(squares, side.records(), side.looked_at(), share);
}

/// How scores lie about a threshold.
struct Past {
  std::vector<double> by_group;
  double share = 0;
  size_t groups_with = 0, groups_without = 0;
};

Past past_of(const GroupedSide& side, double threshold, bool strict) {
  Past past{std::vector<double>(side.places())};
  for (size_t g = 0; g < side.places(); ++g) {
    const std::span<const double> own = side.of(g);
    const auto first = strict ? std::ranges::upper_bound(own, threshold) : std::ranges::lower_bound(own, threshold);
    past.by_group[g] = static_cast<double>(own.end() - first);
    past.share += past.by_group[g] / side.size();
    past.groups_with += past.by_group[g] > 0;
    past.groups_without += past.by_group[g] < side.count(g);
  }
  return past;
}

/// The k-th of them ascending, from 0.
double score_at(const GroupedSide& side, size_t k) {
  std::vector<double> all;
  all.reserve(side.scores);
  for (const std::span<const double> own : side.by_group) all.insert(all.end(), own.begin(), own.end());
  std::ranges::nth_element(all, all.begin() + static_cast<ptrdiff_t>(k));
  return all[k];
}

/// 1 where all scores lie on one side of the threshold.
double effect_at(const Parted& parted, const GroupedSide& side, const Past& past, double threshold, bool strict) {
  if (past.groups_with == 0 || past.groups_without == 0) return 1;
  double squares = 0;
  for (size_t g = 0; g < past.by_group.size(); ++g) {
    const double excess = past.by_group[g] - side.count(g) * past.share;
    squares += excess * excess;
  }
  double effect = std::max(1.0, design_effect(squares, side.groups(), side.size(), past.share));
  if (parted.crossing.is_there() && side.records() > 1)
    effect += std::max(1.0, effect_of_records(parted, side, threshold, strict, past.share)) - 1;
  return effect;
}

}  // namespace

double GroupedSide::groups() const {
  size_t some = 0;
  for (const std::span<const double> own : by_group) some += !own.empty();
  return static_cast<double>(some);
}

double GroupedSide::looked_at() const {
  return std::accumulate(crossing_count.begin(), crossing_count.end(), 0.0);
}

double GroupedSide::records() const {
  return static_cast<double>(std::ranges::count_if(crossing_count, [](uint32_t count) { return count > 0; }));
}

Parted part_groups(const GroupedScores& grouped, const Context& context) {
  if (grouped.groups.size() * std::max<size_t>(grouped.records, 1) != grouped.scores.size())
    fail(Category::input, "{} but {} were given; there must be one of each for every {}, in one order",
         counted(grouped.scores.size(), "score"), counted(grouped.groups.size(), "group"),
         grouped.records > 0 ? counted(grouped.records, "record") : "record");
  check_scores(grouped.scores, grouped.membership, context);
  Parted parted;
  const Places places = places_of(grouped);
  find_models(grouped, places, parted);
  parallel_blocks(2, 1, context, [&](size_t which, size_t) {
    GroupedSide& side = which ? parted.members : parted.nonmembers;
    side = side_of(grouped, places, static_cast<int8_t>(which), parted.scores[which]);
    if (parted.crossing.is_there()) side.crossing_count = crossing_counts(parted.crossing, side.which);
  });
  sort_groups(parted, context);
  parted.sorted.members = merge_sorted(parted.members.by_group, context);
  parted.sorted.nonmembers = merge_sorted(parted.nonmembers.by_group, context);
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
  const auto deal = [&](const GroupedSide& side, std::vector<double>& first, GroupedSide& second) {
    second.which = side.which;
    second.worth = side.worth;
    std::vector<std::span<const double>> others;
    for (size_t g = 0; g < side.places(); ++g) (in_first[g] ? others : second.by_group).push_back(side.of(g));
    first = merge_sorted(others, context);
    second.scores = side.scores - first.size();
    if (all.crossing.is_there()) second.crossing_count = crossing_counts(halves.second.crossing, side.which);
  };
  deal(all.members, halves.first.members, halves.second.members);
  deal(all.nonmembers, halves.first.nonmembers, halves.second.nonmembers);
  return halves;
}

double count_from(const GroupedSide& side, double threshold) {
  double past = 0;
  for (const std::span<const double> own : side.by_group)
    past += static_cast<double>(own.end() - std::ranges::lower_bound(own, threshold));
  return past;
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
  const Past past = past_of(side, threshold, strict);
  double effect = effect_at(parted, side, past, threshold, strict);
  const double groups = side.groups();
  if (std::min(past.groups_with, past.groups_without) < kGroupsForDesignEffect) {
    const size_t enough = static_cast<size_t>(kScoresOfALargeGroup * groups);
    if (groups < kLargeGroups || side.scores < 2 * enough) return worth_of_copies(side);
    // Scores resemble each other no more far out than nearer by: where few lie past the threshold, one with enough
    // tells, and what these few tell is not passed over.
    const size_t beyond = static_cast<size_t>(past.share * side.size() + 0.5);
    if (std::min(beyond, side.scores - beyond) < enough) {
      const double nearer = score_at(side, beyond < enough ? side.scores - enough : enough);
      effect = std::max(effect, effect_at(parted, side, past_of(side, nearer, false), nearer, false));
    }
  }
  const bool do_records_cross = parted.crossing.is_there() && side.records() > 1;
  const double fewest = do_records_cross ? std::min(groups, side.records()) : groups;
  const double fewer = student_t_quantile(side.size() - 1, tail) / student_t_quantile(fewest - 1, tail);
  return side.worth * fewer * fewer / effect;
}

}  // namespace miaudit
