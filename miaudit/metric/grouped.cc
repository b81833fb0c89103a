#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "miaudit/base/parallel.h"
#include "miaudit/math/distributions.h"
#include "miaudit/metric/advantage_interval.h"
#include "miaudit/metric/auc_interval.h"
#include "miaudit/metric/grouped_side.h"
#include "miaudit/metric/level.h"
#include "miaudit/metric/order_statistics.h"
#include "miaudit/metric/placements.h"

namespace miaudit {
namespace {

constexpr size_t kGroupsBlock = 16;

/// The placements' deviations from the AUC, summed over each group (and over each record that crosses groups), and
/// their squares over all.
struct Deviations {
  std::vector<double> of_groups;
  CrossingPlacements of_records;
  double squares = 0;
};

/// Where to cut `others`, at values' first places, so that a range of them stays in the second cache while all groups
/// are set beside it; small groups are not worth a cut.
std::vector<size_t> range_starts(const GroupedSide& side, const std::vector<double>& others) {
  constexpr size_t kRange = size_t{1} << 16, kScoresOfAGroup = 256;
  const size_t most = side.scores / side.places() / kScoresOfAGroup + 1;
  const size_t ranges = std::clamp<size_t>(others.size() / kRange, 1, most);
  std::vector<size_t> starts = {0};
  for (size_t k = 1; k < ranges; ++k) {
    const auto first = std::ranges::lower_bound(others, others[k * (others.size() / ranges)]);
    const auto start = static_cast<size_t>(first - others.begin());
    if (start > starts.back()) starts.push_back(start);
  }
  starts.push_back(others.size());
  return starts;
}

/// towards: +1 where the others below a record speak for it, −1 where those above do.
Deviations deviations_of(const Parted& all, const GroupedSide& side, const std::vector<double>& others, double towards,
                         double mean, const Context& context) {
  const size_t groups = side.places();
  const std::vector<size_t> starts = range_starts(side, others);
  const size_t ranges = starts.size() - 1;
  std::vector<double> sums(groups * ranges), squares(groups * ranges);
  const double scale = 1 / static_cast<double>(others.size());
  parallel_blocks(groups * ranges, kGroupsBlock, context, [&](size_t begin, size_t end) {
    std::vector<double> ranks;
    for (size_t k = begin; k < end; ++k) {  // [ranges][groups]
      const size_t range = k / groups;
      const std::span<const double> near = std::span(others).subspan(starts[range], starts[range + 1] - starts[range]);
      const auto from = [&, own = side.of(k % groups)](size_t r) {
        if (r == 0) return own.begin();
        return r == ranges ? own.end() : std::ranges::lower_bound(own, others[starts[r]]);
      };
      const std::span<const double> own(from(range), from(range + 1));
      ranks.resize(own.size());
      ascending_ranks(own, near, ranks);
      for (const double rank : ranks) {
        const double share = (static_cast<double>(starts[range]) + rank) * scale;
        const double deviation = (towards > 0 ? share : 1 - share) - mean;
        sums[k] += deviation;
        squares[k] += deviation * deviation;
      }
    }
  });
  for (size_t k = groups; k < sums.size(); ++k) sums[k % groups] += sums[k];
  sums.resize(groups);
  CrossingPlacements of_records;
  if (all.crossing.is_there())
    of_records = crossing_placements(all.crossing, side.which, others, towards, mean, context);
  return {std::move(sums), std::move(of_records), std::accumulate(squares.begin(), squares.end(), 0.0)};
}

double sum_of_products(const std::vector<double>& a, const std::vector<double>& b, double count) {
  return count > 1 ? std::inner_product(a.begin(), a.end(), b.begin(), 0.0) * count / (count - 1) : 0;
}

/// A group makes a part of the mean that its deviation is taken about: the larger it is, the more of its deviation that
/// hides. Squares of the groups' sums are divided by what is left of them, of groups whose means vary alike (w: a
/// group's share of the records, W: Σw²), or whose records do where that leaves less.
class Shares {
 public:
  static Shares of_groups(const GroupedSide& side) {
    Shares shares;
    for (size_t g = 0; g < side.places(); ++g) shares.add(side.count(g) / side.size());
    return shares;
  }
  /// Of records (or persons) that cross the groups.
  static Shares of_records(const GroupedSide& side) {
    Shares shares;
    const double all = side.looked_at();
    for (const uint32_t count : side.crossing_count) shares.add(count / all);
    return shares;
  }
  /// Σ(sum²/what is left of it) over those that have any.
  double sum_of_squares(const std::vector<double>& sums) const {
    double squares = 0;
    for (size_t k = 0; k < sums.size(); ++k)
      if (shares_[k] > 0) squares += square(sums[k], shares_[k]);
    return squares;
  }
  double sum_of_fourths(const std::vector<double>& sums) const {
    double fourths = 0;
    for (size_t k = 0; k < sums.size(); ++k)
      if (shares_[k] > 0) fourths += std::pow(square(sums[k], shares_[k]), 2);
    return fourths;
  }
  /// Of those that have records of both sides: with it the two sides' sums of squares are that of what each moves the
  /// AUC by, over both. 0 where one has all of a side: about its own mean it does not deviate.
  static double sum_of_products(const Shares& a, const std::vector<double>& sums_a, const Shares& b,
                                const std::vector<double>& sums_b) {
    if (a.count_ < 2 || b.count_ < 2) return 0;
    double products = 0;
    for (size_t k = 0; k < sums_a.size(); ++k)
      if (a.shares_[k] > 0 && b.shares_[k] > 0)
        products += sums_a[k] * sums_b[k] / std::sqrt(a.left_of(a.shares_[k]) * b.left_of(b.shares_[k]));
    return products;
  }
  /// Each one's part of a variance, where their means vary alike.
  std::vector<double> parts_of(double variance) const {
    std::vector<double> parts;
    for (const double share : shares_) parts.push_back(variance * share * share / squares_);
    return parts;
  }
  size_t count() const { return count_; }
  /// How many of one size would tell the variance as well.
  double effective() const { return squares_ * squares_ / fourths_; }

 private:
  void add(double share) {
    shares_.push_back(share);
    count_ += share > 0;
    squares_ += share * share;
    fourths_ += std::pow(share, 4);
  }
  double left_of(double share) const { return std::min(1 - share, 1 - 2 * share + squares_); }
  double square(double sum, double share) const { return sum * sum / left_of(share); }

  std::vector<double> shares_;
  size_t count_ = 0;
  double squares_ = 0, fourths_ = 0;
};

AucSide auc_side(const GroupedSide& side, const Deviations& deviations) {
  const double least = worth_of_copies(side) * side.size();
  const Shares shares = Shares::of_groups(side);
  const bool is_crossed = !deviations.of_records.sums.empty();
  const Shares of_records = is_crossed ? Shares::of_records(side) : Shares();
  if (shares.count() < 2 || (is_crossed && of_records.count() < 2))
    return {.records = least, .variance = 0, .carriers = 0};
  const double by_group = shares.sum_of_squares(deviations.of_groups);
  if (by_group <= 0) return {.records = least, .variance = 0, .carriers = 0};
  // What records share beyond what single scores hold, which the groups' sums hold already.
  double by_record = 0;
  if (is_crossed) {
    const double shared = of_records.sum_of_squares(deviations.of_records.sums) - deviations.of_records.squares;
    by_record = std::max(0.0, shared) * side.size() / side.looked_at();
  }
  const double groups = side.groups();
  const double about_own_mean = by_group * (groups - 1) / groups;  // as deviations.squares are
  return {.records = std::clamp(side.worth * deviations.squares / (about_own_mean + by_record) * side.size(), least,
                                side.worth * side.size()),
          .variance = (by_group + by_record) / (side.size() * side.size()) / side.worth,
          .carriers = side.worth * by_group * by_group / shares.sum_of_fourths(deviations.of_groups)};
}

/// Of the sum of both sides' variances (Satterthwaite 1946), each known from so many groups as count; and no more than
/// the side with the fewer would give both, nor than those who cross the groups do: by chance two may agree. A group
/// with records of both sides counts once, and two means are taken of such.
double degrees_of(const AucSide& members, const GroupedSide& of_members, const AucSide& nonmembers,
                  const GroupedSide& of_nonmembers) {
  double parts = 0, fewest = INFINITY, crossing = INFINITY;
  std::vector<double> of_groups(of_members.places()), both(of_members.places(), 1.0);
  const auto count = [&](const AucSide& side, const GroupedSide& own) {
    const Shares groups = Shares::of_groups(own);
    const double degrees = groups.count() < 2 ? 0 : own.worth * groups.effective() - 1;
    parts += side.variance * side.variance / std::max(1e-9, degrees);
    fewest = std::min(fewest, degrees);
    const std::vector<double> own_parts = groups.parts_of(side.variance);
    std::ranges::transform(of_groups, own_parts, of_groups.begin(), std::plus());
    std::ranges::transform(both, own_parts, both.begin(), std::multiplies());
    if (!own.crossing_count.empty()) crossing = std::min(crossing, Shares::of_records(own).effective() - 1);
  };
  count(members, of_members);
  count(nonmembers, of_nonmembers);
  const double all = members.variance + nonmembers.variance;
  if (!(all > 0)) return 0;
  const double fourths = std::inner_product(of_groups.begin(), of_groups.end(), of_groups.begin(), 0.0);
  double overlap = 0;  // 1 where each group has as much of either side's variance
  for (const double product : both) overlap += 2 * std::sqrt(product) / all;
  return std::min({all * all / parts, 2 * fewest, of_members.worth * all * all / fourths - 1 - overlap, crossing});
}

/// Where all scores of a side are alike, as members' `correctness` may be, how much those of a group resemble each
/// other shows on the other side alone: from next to nothing, where few of its groups hold two records, to all. What is
/// not shown counts as resemblance.
void learn_resemblance(AucSide& side, const GroupedSide& own, const AucSide& other, const GroupedSide& others) {
  constexpr double kCarriersToDoubt = 5, kErrors = 2;
  const auto copies = [](const GroupedSide& of) { return of.worth / worth_of_copies(of); };
  // One group's mean is all that it shows.
  if (side.carriers > 0 || own.groups() < 2 || other.carriers <= 0 || copies(others) <= 1) return;
  const double effect = others.worth * others.size() / other.records * (1 + kCarriersToDoubt / other.carriers) +
                        kErrors * std::sqrt(2 / other.carriers);
  const double resemblance = std::clamp((effect - 1) / (copies(others) - 1), 0.0, 1.0);
  side.records = std::max(side.records, own.worth * own.size() / (1 + resemblance * (copies(own) - 1)));
}

}  // namespace

PartedGroups::PartedGroups(const GroupedScores& grouped, const Context& context)
    : parts_(new Parts(part_groups(grouped, context))) {}
PartedGroups::~PartedGroups() = default;
PartedGroups::PartedGroups(PartedGroups&&) noexcept = default;

const SortedScores& PartedGroups::sorted() const {
  return parts_->sorted;
}

std::vector<Estimate> auc_estimates(const PartedGroups& grouped, std::span<const double> levels,
                                    const Context& context) {
  for (const double level : levels) error_rate(level);
  const Parted& all = grouped.parts();
  const double worth = all.members.worth;
  const double auc = auc_moments(all.sorted, context).auc;
  const Deviations of_members = deviations_of(all, all.members, all.sorted.nonmembers, 1, auc, context);
  const Deviations of_nonmembers = deviations_of(all, all.nonmembers, all.sorted.members, -1, auc, context);

  AucSide members = auc_side(all.members, of_members), nonmembers = auc_side(all.nonmembers, of_nonmembers);
  learn_resemblance(members, all.members, nonmembers, all.nonmembers);
  learn_resemblance(nonmembers, all.nonmembers, members, all.members);
  const double groups = static_cast<double>(all.members.places());
  double covariance = Shares::sum_of_products(Shares::of_groups(all.members), of_members.of_groups,
                                              Shares::of_groups(all.nonmembers), of_nonmembers.of_groups);
  double independent = std::min({all.members.groups(), all.nonmembers.groups(), std::floor(groups / 2)});
  if (all.crossing.is_there()) {
    const double records = std::min(all.members.records(), all.nonmembers.records());
    covariance += sum_of_products(of_members.of_records.sums, of_nonmembers.of_records.sums, records) *
                  static_cast<double>(all.crossing.stride);
    independent = std::min(independent, std::floor(records / 2));
  }
  const AucEvidence evidence = {
      .auc = auc,
      .members = members,
      .nonmembers = nonmembers,
      .covariance = covariance / (all.members.size() * all.nonmembers.size()) / worth,
      // A pair takes two different groups.
      .independent_pairs = std::max(1.0, std::floor(worth * independent)),
      .degrees = std::min(worth * groups - 2, degrees_of(members, all.members, nonmembers, all.nonmembers))};
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
  const Parted& all = grouped.parts();
  Estimate estimate = tpr_at_fpr_estimate(all.sorted, fpr, level);
  estimate.method = "grouped_" + estimate.method;
  estimate.low = 0;
  estimate.high = 1;
  const double tail = error_rate(level) / 4;
  const double nonmember_worth = worth_at(all, 0, point_at_fpr(all.sorted, fpr).threshold, false, tail);
  const ThresholdBracket bracket = bracket_threshold(all.sorted.nonmembers, fpr, tail, nonmember_worth);
  const double members = all.members.size();
  if (bracket.strict) {
    const double worth = worth_at(all, 1, *bracket.strict, true, tail);
    estimate.low =
        clopper_pearson_lower(count_above(all.sorted.members, *bracket.strict) * worth, members * worth, tail);
  }
  if (bracket.inclusive) {
    const double worth = worth_at(all, 1, *bracket.inclusive, true, tail);
    estimate.high =
        clopper_pearson_upper(count_above(all.sorted.members, *bracket.inclusive) * worth, members * worth, tail);
  }
  if (estimate.value) {
    estimate.low = std::min(*estimate.low, *estimate.value);
    estimate.high = std::max(*estimate.high, *estimate.value);
  }
  return estimate;
}

Estimate share_estimate(const PartedGroups& grouped, int8_t which, double threshold, double level) {
  const Parted& all = grouped.parts();
  const std::vector<double>& scores = which == 1 ? all.sorted.members : all.sorted.nonmembers;
  const double tail = error_rate(level) / 2;
  const double worth = worth_at(all, which, threshold, false, tail);
  const double size = static_cast<double>(scores.size()), past = count_from(scores, threshold);
  return {past / size, clopper_pearson_lower(past * worth, size * worth, tail),
          clopper_pearson_upper(past * worth, size * worth, tail), level, "grouped_clopper_pearson"};
}

std::vector<Estimate> advantage_estimates(const PartedGroups& grouped, std::span<const double> levels, uint64_t seed,
                                          const Context& context) {
  const Parted& all = grouped.parts();
  const Halves halves = split_groups(all, seed, context);
  const Parted& judged = halves.second;
  const bool can_judge = !halves.first.members.empty() && !halves.first.nonmembers.empty() &&
                         judged.members.scores > 0 && judged.nonmembers.scores > 0;
  const double threshold = can_judge ? best_advantage(halves.first, context).threshold : 0;
  const RocPoint best = best_advantage(all.sorted, context);
  const double value = static_cast<double>(best.true_positives) / all.members.size() -
                       static_cast<double>(best.false_positives) / all.nonmembers.size();
  std::vector<Estimate> estimates;
  for (const double level : levels) {
    Estimate& estimate = estimates.emplace_back(Estimate{value, 0.0, 1.0, level, "grouped_split_clopper_pearson_dkw"});
    const double tail = error_rate(level) / 4;
    if (can_judge) {
      const auto past = [&](const GroupedSide& side) {
        return SidePast{count_from(side, threshold), side.size(), worth_at(judged, side.which, threshold, false, tail)};
      };
      estimate.low = std::min(value, advantage_lower_limit(past(judged.members), past(judged.nonmembers), tail));
    }
    estimate.high = std::min(1.0, value + dkw_margin(all.members.size() * worth_of_copies(all.members), tail) +
                                      dkw_margin(all.nonmembers.size() * worth_of_copies(all.nonmembers), tail));
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
