#include "miaudit/metric/crossed_bootstrap.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>
#include <tuple>
#include <utility>
#include <vector>

#include "miaudit/base/error.h"
#include "miaudit/base/parallel.h"
#include "miaudit/base/rng.h"
#include "miaudit/math/distributions.h"
#include "miaudit/metric/grouped_side.h"
#include "miaudit/metric/level.h"
#include "miaudit/metric/order_statistics.h"
#include "miaudit/metric/resample.h"

namespace miaudit {
namespace {

constexpr double kFewestFamilies = 4, kFewestRecords = 20;
constexpr size_t kFewestPast = 5;
/// Where a few families have what lies past the threshold, others drawn anew would move it further than resamples of
/// these can: of all families at least such a share must have a part in it.
constexpr double kLeastShareOfFamilies = 0.75;
/// Families that differ much more than their scores' own chance explains may have relatives that differ more still,
/// which no resample of these holds: of runs of one recipe the two variances are 1 to 2.4 times as large as each other.
constexpr double kMostOfFamilies = 3;
/// Where a tie holds more of what may be accused, the threshold jumps, and a resample's rarely as another sample's.
constexpr double kLargestTie = 0.1;

/// What is drawn: families of models, or records (people).
struct Units {
  std::vector<uint32_t> of_score[2];  ///< [side][score]: of the scores at the top
  std::vector<double> sizes[2];       ///< [side][unit]: of all scores
  std::vector<double> edge;           ///< [unit]: of the edge's

  /// How many of one size would tell as much.
  double effective(size_t side) const {
    double squares = 0, all = 0;
    for (const double size : sizes[side]) all += size, squares += size * size;
    return all * all / squares;
  }
  /// Of those that the first scores are of, by how seldom two scores are of one (Simpson 1949): without bias, and all
  /// where no two are.
  double effective_of(size_t side, size_t scores) const {
    std::vector<double> counts(sizes[side].size());
    for (size_t i = 0; i < scores; ++i) ++counts[of_score[side][i]];
    double pairs = 0;
    for (const double count : counts) pairs += count * (count - 1);
    const double all = static_cast<double>(scores), most = static_cast<double>(counts.size());
    return pairs > 0 ? std::min(most, all * (all - 1) / pairs) : most;
  }
  size_t distinct(size_t side, size_t scores) const {
    std::vector<uint32_t> some(of_score[side].begin(), of_score[side].begin() + static_cast<ptrdiff_t>(scores));
    std::ranges::sort(some);
    return static_cast<size_t>(std::ranges::unique(some).begin() - some.begin());
  }
};

/// The scores from the top down to where no resample looks, descending, above an edge: non-members' that are tied,
/// perhaps very many, of which only counts are needed.
struct Top {
  std::vector<double> scores[2];      ///< [side]
  size_t all[2] = {0, 0};             ///< how many are looked at, those below too
  size_t edge = 0;                    ///< how many non-members' it holds; 0 where nothing lies below
  std::vector<size_t> members_above;  ///< [non-member]: how many members' scores are above its
  Units families, records;
};

/// visit(side, score, family, record) of each score that is looked at.
template <class Visit>
void each_score(const Parted& parted, const Visit& visit) {
  const Crossing& crossing = parted.crossing;
  for (size_t m = 0; m < crossing.models.size(); ++m) {
    if (!crossing.models[m]) continue;
    for (size_t begin = 0; begin < crossing.records; begin += kCrossingRun * crossing.stride)
      for (size_t i = begin; i < std::min(begin + kCrossingRun, crossing.records); ++i) {
        const int8_t side = crossing.membership[m * crossing.records + i];
        if (side < 0) continue;
        const uint32_t record = crossing.person_of.empty() ? static_cast<uint32_t>(i) : crossing.person_of[i];
        visit(static_cast<size_t>(side), crossing.scores[m * crossing.records + i], parted.group_of_model[m], record);
      }
  }
}

/// The scores above the edge.
Top top_of(const Parted& parted, double edge) {
  const Crossing& crossing = parted.crossing;
  struct Cell {
    double score;
    uint32_t family, record;
  };
  std::array<std::vector<Cell>, 2> cells;
  Top top;
  for (const size_t side : {0, 1}) {
    top.families.sizes[side].resize(parted.members.places());
    top.records.sizes[side].resize(
        crossing.person_of.empty() ? crossing.records : *std::ranges::max_element(crossing.person_of) + size_t{1});
  }
  top.families.edge.resize(top.families.sizes[0].size());
  top.records.edge.resize(top.records.sizes[0].size());
  each_score(parted, [&](size_t side, double score, uint32_t family, uint32_t record) {
    ++top.all[side];
    ++top.families.sizes[side][family];
    ++top.records.sizes[side][record];
    if (score > edge) cells[side].push_back({score, family, record});
    if (score == edge && side == 0) {
      ++top.edge;
      ++top.families.edge[family];
      ++top.records.edge[record];
    }
  });
  for (const size_t side : {0, 1}) {
    // By what they are of too, so that ties have one order.
    std::ranges::sort(cells[side], [](const Cell& a, const Cell& b) {
      return std::tuple(-a.score, a.family, a.record) < std::tuple(-b.score, b.family, b.record);
    });
    for (const Cell& cell : cells[side]) {
      top.scores[side].push_back(cell.score);
      top.families.of_score[side].push_back(cell.family);
      top.records.of_score[side].push_back(cell.record);
    }
    cells[side] = {};
  }
  size_t above = 0;
  for (const double score : top.scores[0]) {
    while (above < top.scores[1].size() && top.scores[1][above] > score) ++above;
    top.members_above.push_back(above);
  }
  return top;
}

/// How many scores of the top are past the threshold.
struct Past {
  size_t nonmembers, members;
};

/// How often each side and the edge are drawn.
struct Drawn {
  double sides[2];
  double edge;
};

/// weight(side, score): how often it is drawn. Nothing where the threshold lies below the edge.
template <class Weight>
std::optional<Past> past_at(const Top& top, double fpr, const Drawn& drawn, const Weight& weight) {
  const double allowed = fpr * drawn.sides[0] * (1 + 1e-12);
  const std::vector<double>& nonmembers = top.scores[0];
  size_t past = 0;
  double accused = 0;
  while (past < nonmembers.size()) {
    size_t end = past;  // of the tie
    for (; end < nonmembers.size() && nonmembers[end] == nonmembers[past]; ++end) accused += weight(0, end);
    if (accused > allowed) return Past{past, top.members_above[past]};
    past = end;
  }
  if (past < top.all[0] && accused + drawn.edge <= allowed) return {};
  return Past{past, top.scores[1].size()};
}

template <class Weight>
std::optional<double> tpr_at(const Top& top, double fpr, const Drawn& drawn, const Weight& weight) {
  if (drawn.sides[0] == 0 || drawn.sides[1] == 0) return NAN;
  const std::optional<Past> past = past_at(top, fpr, drawn, weight);
  if (!past) return {};
  double found = 0;
  for (size_t i = 0; i < past->members; ++i) found += weight(1, i);
  return found / drawn.sides[1];
}

/// A resample's TPR: NaN where it has none of a side, nothing where its threshold lies below the edge.
using Resampled = std::optional<double>;

Resampled with_units_weighed(const Top& top, const Units& units, double fpr, const std::vector<uint32_t>& times) {
  const auto count = [&](const std::vector<double>& sizes) {
    std::array<double, 8> sums{};  // of whole numbers, several at once so that they do not wait for each other
    size_t u = 0;
    for (; u + sums.size() <= times.size(); u += sums.size())
      for (size_t lane = 0; lane < sums.size(); ++lane) sums[lane] += times[u + lane] * sizes[u + lane];
    for (; u < times.size(); ++u) sums[0] += times[u] * sizes[u];
    return std::accumulate(sums.begin(), sums.end(), 0.0);
  };
  const Drawn drawn{{count(units.sizes[0]), count(units.sizes[1])}, top.edge > 0 ? count(units.edge) : 0};
  return tpr_at(top, fpr, drawn, [&](size_t side, size_t i) { return times[units.of_score[side][i]]; });
}

Resampled with_families_drawn(const Top& top, double fpr, Rng rng) {
  return with_units_weighed(top, top.families, fpr, draw_with_replacement(top.families.sizes[0].size(), rng));
}

Resampled with_records_drawn(const Top& top, double fpr, Rng rng) {
  std::vector<uint32_t> times(top.records.sizes[0].size());
  PoissonDraws(rng).fill(times);
  return with_units_weighed(top, top.records, fpr, times);
}

Resampled with_scores_drawn(const Top& top, double fpr, Rng rng) {
  std::array<std::vector<uint32_t>, 2> times;
  PoissonDraws draws(rng);
  Drawn drawn{{0, 0}, draws.total_of(top.edge)};
  for (const size_t side : {0, 1}) {
    times[side].resize(top.scores[side].size());
    draws.fill(times[side]);
    const size_t below = top.all[side] - top.scores[side].size() - (side == 0 ? top.edge : 0);
    drawn.sides[side] = static_cast<double>(std::accumulate(times[side].begin(), times[side].end(), uint64_t{0})) +
                        draws.total_of(below) + (side == 0 ? drawn.edge : 0);
  }
  return tpr_at(top, fpr, drawn, [&](size_t side, size_t i) { return times[side][i]; });
}

/// Nothing where a resample needs more of the scores. draw(top, fpr, rng); kind: which of the three it is.
template <class Draw>
std::optional<double> variance_of(const Top& top, double fpr, const Resamples& resamples, uint64_t kind,
                                  const Context& context, const Draw& draw) {
  std::vector<Resampled> found(resamples.count);
  parallel_blocks(found.size(), 8, context, [&](size_t begin, size_t end) {
    for (size_t k = begin; k < end; ++k) found[k] = draw(top, fpr, Rng(resamples.seed, kind * found.size() + k));
  });
  double count = 0, sum = 0, squares = 0;
  for (const Resampled& one : found) {
    if (!one) return {};
    if (std::isnan(*one)) continue;
    ++count;
    sum += *one;
    squares += *one * *one;
  }
  return count > 1 ? std::max(0.0, (squares - sum * sum / count) / (count - 1)) : 0;
}

/// How many non-members the larger of the ties on either side of the threshold holds.
size_t tie_at(const Top& top, const Past& past) {
  const std::vector<double>& nonmembers = top.scores[0];
  const auto count_of = [&](size_t place) {
    const auto [first, last] = std::ranges::equal_range(nonmembers, nonmembers[place], std::greater());
    return static_cast<size_t>(last - first);
  };
  const size_t above = past.nonmembers > 0 ? count_of(past.nonmembers - 1) : 0;
  return std::max(above, past.nonmembers < nonmembers.size() ? count_of(past.nonmembers) : top.edge);
}

/// What tells how surely a rate is known: how many families, and how many records or people, have a part in what lies
/// past the threshold, on the side with fewer.
struct Carriers {
  double families;
  double records;
};

/// Nothing where a resample would not be like another sample.
std::optional<Carriers> carriers_of(const Top& top, const Past& past, double fpr) {
  for (const size_t side : {0, 1})
    if (top.families.effective(side) < kFewestFamilies || top.records.effective(side) < kFewestRecords) return {};
  const size_t records = std::min(top.records.distinct(0, past.nonmembers), top.records.distinct(1, past.members));
  if (records < kFewestPast || top.all[1] - past.members < kFewestPast) return {};
  const double families =
      std::min(top.families.effective_of(0, past.nonmembers), top.families.effective_of(1, past.members));
  const double all = static_cast<double>(top.families.sizes[0].size());
  if (families < std::max(kFewestFamilies, kLeastShareOfFamilies * all)) return {};
  const double largest_tie = std::max(1.0, kLargestTie * fpr * static_cast<double>(top.all[0]));
  if (static_cast<double>(tie_at(top, past)) > largest_tie) return {};
  return Carriers{families, static_cast<double>(records)};
}

}  // namespace

std::optional<CrossedRate> bootstrap_tpr_at_fpr(const PartedGroups& crossed, double fpr, const Resamples& resamples,
                                                const Context& context) {
  require_replicates(resamples.count);
  const Parted& parted = crossed.parts();
  if (!parted.crossing.is_there()) return {};
  const std::vector<double>& nonmembers = parted.sorted.nonmembers;
  const double members = static_cast<double>(parted.sorted.members.size());
  // So deep that few resamples look further; where one does, as much again.
  size_t depth = static_cast<size_t>(2 * fpr * static_cast<double>(nonmembers.size())) + 64;
  for (;; depth *= 2) {
    double edge = -INFINITY;
    if (depth < nonmembers.size()) {
      edge = nonmembers[nonmembers.size() - depth];
      depth = static_cast<size_t>(count_from(nonmembers, edge));
    }
    const Top top = top_of(parted, edge);
    const Drawn once{{static_cast<double>(top.all[0]), static_cast<double>(top.all[1])}, static_cast<double>(top.edge)};
    const auto past = past_at(top, fpr, once, [](size_t, size_t) { return 1; });
    if (!past) continue;
    const auto carriers = carriers_of(top, *past, fpr);
    if (!carriers) return {};

    const auto of_families = variance_of(top, fpr, resamples, 0, context, with_families_drawn);
    const auto of_records = variance_of(top, fpr, resamples, 1, context, with_records_drawn);
    const auto of_scores = variance_of(top, fpr, resamples, 2, context, with_scores_drawn);
    if (!of_families || !of_records || !of_scores) continue;

    const double families = std::min(parted.members.groups(), parted.nonmembers.groups());
    // Of records that are looked at for all, what is theirs or single scores' is larger than that of all.
    const double looked_at = once.sides[1] / members;
    const double by_score = *of_scores * looked_at, by_record = *of_records * looked_at;
    const double by_family =
        std::max(by_score, *of_families * families / (families - 1) - *of_scores * (1 - looked_at));
    if (by_family > kMostOfFamilies * by_score) return {};
    const double all = std::max({by_family + by_record - by_score, by_family, by_record}) / parted.members.worth;
    if (!(all > 0)) return {};
    const double parts =
        by_family * by_family / (carriers->families - 1) + by_record * by_record / (carriers->records - 1);
    const uint64_t found = point_at_fpr(parted.sorted, fpr).true_positives;
    return CrossedRate{static_cast<double>(found) / members, all, all * all / parts};
  }
}

Estimate crossed_rate_estimate(const CrossedRate& rate, double level) {
  const double tail = error_rate(level) / 2;
  const double fewer = normal_quantile(1 - tail) / student_t_quantile(rate.degrees, 1 - tail);
  const double records = rate.rate * (1 - rate.rate) / rate.variance * fewer * fewer;
  return {rate.rate, clopper_pearson_lower(rate.rate * records, records, tail),
          clopper_pearson_upper(rate.rate * records, records, tail), level, "crossed_bootstrap"};
}

std::vector<Estimate> tpr_at_fpr_estimates(const PartedGroups& grouped, double fpr, std::span<const double> levels,
                                           const Resamples& resamples, const Context& context) {
  const auto rate = bootstrap_tpr_at_fpr(grouped, fpr, resamples, context);
  std::vector<Estimate> estimates;
  for (const double level : levels)
    estimates.push_back(rate ? crossed_rate_estimate(*rate, level) : tpr_at_fpr_estimate(grouped, fpr, level));
  return estimates;
}

}  // namespace miaudit
