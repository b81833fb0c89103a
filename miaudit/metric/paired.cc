#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>

#include "miaudit/base/parallel.h"
#include "miaudit/math/sort.h"
#include "miaudit/metric/interval.h"
#include "miaudit/metric/level.h"
#include "miaudit/metric/placements.h"
#include "miaudit/metric/resample.h"

namespace miaudit {
namespace {

constexpr size_t kReplicateBlock = 16;

void require_paired(const PairedScores& pair) {
  if (pair.a.size() != pair.b.size())
    fail(Category::input, "two scores of the same records are compared, but one has {} and the other {}",
         counted(pair.a.size(), "value"), counted(pair.b.size(), "value"));
  if (!pair.groups.empty() && pair.groups.size() != pair.a.size())
    fail(Category::input, "{} but {} were given; there must be one of each for every record, in one order",
         counted(pair.a.size(), "score"), counted(pair.groups.size(), "group"));
}

/// Of every known record; then no sample tells them apart.
bool are_same(const PairedScores& pair) {
  for (size_t i = 0; i < pair.a.size(); ++i)
    if (pair.membership[i] >= 0 && pair.a[i] != pair.b[i]) return false;
  return true;
}
Estimate no_difference(double level) {
  return {0.0, 0.0, 0.0, level, "same_scores"};
}

std::vector<double> side_of(std::span<const double> scores, std::span<const int8_t> membership, int8_t side) {
  std::vector<double> values;
  for (size_t i = 0; i < scores.size(); ++i)
    if (membership[i] == side) values.push_back(scores[i]);
  return values;
}

/// What each record (or group) moves the two AUCs by.
struct Shares {
  std::vector<double> a, b;
};

/// A side's placements less their mean, each as its part of the mean.
std::vector<double> shares_of(std::span<const double> scores, std::span<const int8_t> membership, int8_t side,
                              const std::vector<double>& others, const Context& context) {
  std::vector<double> shares = placements(side_of(scores, membership, side), others, context);
  const double n = static_cast<double>(shares.size());
  const double mean = std::accumulate(shares.begin(), shares.end(), 0.0) / n;
  for (double& share : shares) share = (share - mean) / n;
  return shares;
}

/// Correlation of the two AUCs over what is drawn independently: records of either side, or groups of both.
class Correlation {
 public:
  void add(const Shares& shares) {
    const double n = static_cast<double>(shares.a.size());
    if (n < 2) return;
    for (size_t k = 0; k < shares.a.size(); ++k) {
      a_ += shares.a[k] * shares.a[k] * n / (n - 1);
      b_ += shares.b[k] * shares.b[k] * n / (n - 1);
      both_ += shares.a[k] * shares.b[k] * n / (n - 1);
    }
  }
  double value() const {
    const double product = std::sqrt(a_ * b_);
    return product > 0 ? std::clamp(both_ / product, -1.0, 1.0) : 0;
  }

 private:
  double a_ = 0, b_ = 0, both_ = 0;
};

/// Sums over the groups of both sides. Non-members below a member speak for it as members above a non-member do.
Shares by_group(const PairedScores& pair, const Shares& members, const Shares& nonmembers) {
  std::map<int64_t, std::array<double, 2>> sums;
  size_t next[2] = {0, 0};
  for (size_t i = 0; i < pair.membership.size(); ++i) {
    if (pair.membership[i] < 0) continue;
    const bool is_member = pair.membership[i] == 1;
    const size_t k = next[is_member]++;
    std::array<double, 2>& sum = sums[pair.groups[i]];
    // A non-member's placement is the share of members below it.
    sum[0] += is_member ? members.a[k] : -nonmembers.a[k];
    sum[1] += is_member ? members.b[k] : -nonmembers.b[k];
  }
  Shares shares;
  for (const auto& [group, sum] : sums) shares.a.push_back(sum[0]), shares.b.push_back(sum[1]);
  return shares;
}

Estimate auc_of(std::span<const double> scores, const SortedScores& sorted, const PairedScores& pair, double level,
                const Context& context) {
  if (pair.groups.empty()) return auc_estimate(sorted, level, context);
  return auc_estimate(GroupedScores{scores, pair.membership, pair.groups}, level, context);
}

/// One side of two scores, so that a resample of its records can be laid out in the order of either.
struct PairedSide {
  std::vector<double> a, b;
  std::vector<uint32_t> order_a, order_b;

  PairedSide(std::span<const double> all_a, std::span<const double> all_b, std::span<const int8_t> membership,
             int8_t side)
      : a(side_of(all_a, membership, side)),
        b(side_of(all_b, membership, side)),
        order_a(order(a)),
        order_b(order(b)) {}

  static std::vector<uint32_t> order(const std::vector<double>& values) {
    std::vector<uint32_t> places(values.size());
    std::iota(places.begin(), places.end(), 0u);
    std::sort(places.begin(), places.end(), [&](uint32_t i, uint32_t j) { return values[i] < values[j]; });
    return places;
  }
  static std::vector<double> laid_out(const std::vector<double>& values, const std::vector<uint32_t>& places,
                                      const std::vector<uint32_t>& times) {
    std::vector<double> drawn;
    drawn.reserve(values.size());
    for (const uint32_t i : places) drawn.insert(drawn.end(), times[i], values[i]);
    return drawn;
  }
};

/// How often each record is drawn: either side's records apart, or whole groups with their records of both sides.
class Drawing {
 public:
  explicit Drawing(const PairedScores& pair) {
    for (const int8_t side : pair.membership)
      if (side >= 0) ++counts_[side];
    if (pair.groups.empty()) return;
    std::map<int64_t, uint32_t> places;
    std::map<uint32_t, double> sizes[2];
    for (size_t i = 0; i < pair.membership.size(); ++i) {
      const int8_t side = pair.membership[i];
      if (side < 0) continue;
      const uint32_t place = places.try_emplace(pair.groups[i], places.size()).first->second;
      group_of_[side].push_back(place);
      ++sizes[side][place];
    }
    groups_ = places.size();
    fewest_ = std::min(of_one_size(sizes[0]), of_one_size(sizes[1]));
  }

  /// From too few groups a resample knows too little.
  bool can_tell() const {
    constexpr double kFewestGroups = 20;
    return groups_ == 0 || fewest_ >= kFewestGroups;
  }

  struct Times {
    std::vector<uint32_t> members, nonmembers;
  };
  Times draw(Rng& rng) const {
    if (groups_ == 0) {
      // In this order.
      std::vector<uint32_t> members = draw_with_replacement(counts_[1], rng);
      return {std::move(members), draw_with_replacement(counts_[0], rng)};
    }
    for (;;) {
      const std::vector<uint32_t> times = draw_with_replacement(groups_, rng);
      std::vector<uint32_t> of_side[2];
      uint64_t drawn[2] = {0, 0};
      for (const size_t side : {0, 1})
        for (const uint32_t group : group_of_[side]) {
          of_side[side].push_back(times[group]);
          drawn[side] += times[group];
        }
      // A resample of one side alone has no curve.
      if (drawn[0] > 0 && drawn[1] > 0) return {std::move(of_side[1]), std::move(of_side[0])};
    }
  }

 private:
  /// How many groups of one size tell as much (Kish 1965).
  static double of_one_size(const std::map<uint32_t, double>& sizes) {
    double records = 0, squares = 0;
    for (const auto& [place, size] : sizes) records += size, squares += size * size;
    return records * records / squares;
  }

  size_t counts_[2] = {0, 0};
  std::vector<uint32_t> group_of_[2];
  size_t groups_ = 0;
  double fewest_ = 0;
};

}  // namespace

Estimate auc_difference(const PairedScores& pair, double level, const Context& context) {
  require_paired(pair);
  const SortedScores sorted_a = sort_scores(pair.a, pair.membership, context);
  const SortedScores sorted_b = sort_scores(pair.b, pair.membership, context);
  if (are_same(pair)) return no_difference(level);
  const Shares members{shares_of(pair.a, pair.membership, 1, sorted_a.nonmembers, context),
                       shares_of(pair.b, pair.membership, 1, sorted_b.nonmembers, context)};
  const Shares nonmembers{shares_of(pair.a, pair.membership, 0, sorted_a.members, context),
                          shares_of(pair.b, pair.membership, 0, sorted_b.members, context)};
  Correlation over;
  if (pair.groups.empty()) {
    over.add(members);
    over.add(nonmembers);
  } else {
    over.add(by_group(pair, members, nonmembers));
  }
  const double correlation = over.value();

  const Estimate auc_a = auc_of(pair.a, sorted_a, pair, level, context);
  const Estimate auc_b = auc_of(pair.b, sorted_b, pair, level, context);
  const double value = *auc_a.value - *auc_b.value;
  const auto margin = [&](double of_a, double of_b) {
    return std::sqrt(std::max(0.0, of_a * of_a + of_b * of_b - 2 * correlation * of_a * of_b));
  };
  return {value, std::max(-1.0, value - margin(*auc_a.value - *auc_a.low, *auc_b.high - *auc_b.value)),
          std::min(1.0, value + margin(*auc_a.high - *auc_a.value, *auc_b.value - *auc_b.low)), level,
          pair.groups.empty() ? "paired_delong_mover" : "grouped_paired_delong_mover"};
}

Estimate statistic_difference(const PairedScores& pair, const RocStatistic& statistic, double level,
                              uint32_t replicates, uint64_t seed, const Context& context) {
  const double tail = error_rate(level) / 2;
  require_paired(pair);
  require_replicates(replicates);
  Estimate estimate{statistic(sort_scores(pair.a, pair.membership, context)) -
                        statistic(sort_scores(pair.b, pair.membership, context)),
                    {},
                    {},
                    level,
                    pair.groups.empty() ? "paired_bootstrap" : "grouped_paired_bootstrap"};
  if (are_same(pair)) return no_difference(level);
  const PairedSide members(pair.a, pair.b, pair.membership, 1);
  const PairedSide nonmembers(pair.a, pair.b, pair.membership, 0);
  const Drawing drawing(pair);
  if (!drawing.can_tell()) return estimate;
  std::vector<double> resampled(replicates);
  parallel_blocks(replicates, kReplicateBlock, context, [&](size_t begin, size_t end) {
    for (size_t replicate = begin; replicate < end; ++replicate) {
      Rng rng(seed, replicate);
      const auto [member_times, nonmember_times] = drawing.draw(rng);
      const SortedScores drawn_a{PairedSide::laid_out(members.a, members.order_a, member_times),
                                 PairedSide::laid_out(nonmembers.a, nonmembers.order_a, nonmember_times)};
      const SortedScores drawn_b{PairedSide::laid_out(members.b, members.order_b, member_times),
                                 PairedSide::laid_out(nonmembers.b, nonmembers.order_b, nonmember_times)};
      resampled[replicate] = statistic(drawn_a) - statistic(drawn_b);
    }
  });
  if (!std::all_of(resampled.begin(), resampled.end(), [](double x) { return std::isfinite(x); }))
    fail(Category::numeric, "the bootstrapped statistic is not finite on some resampled scores");
  radix_sort(resampled);
  if (resampled.front() == resampled.back()) return estimate;
  estimate.low = std::min(*estimate.value, interpolated_quantile(resampled, tail));
  estimate.high = std::max(*estimate.value, interpolated_quantile(resampled, 1 - tail));
  return estimate;
}

}  // namespace miaudit
