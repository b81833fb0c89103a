#include <algorithm>
#include <cmath>
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

void require_paired(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size())
    fail(Category::input, "two scores of the same records are compared, but one has {} and the other {}",
         counted(a.size(), "value"), counted(b.size(), "value"));
}

std::vector<double> side_of(std::span<const double> scores, std::span<const int8_t> membership, int8_t side) {
  std::vector<double> values;
  for (size_t i = 0; i < scores.size(); ++i)
    if (membership[i] == side) values.push_back(scores[i]);
  return values;
}

/// Variances and covariance of two means over the same records; 0 for a single record.
struct Moments {
  double a = 0;
  double b = 0;
  double both = 0;
};

void add_mean_moments(const std::vector<double>& a, const std::vector<double>& b, Moments& moments) {
  const double n = static_cast<double>(a.size());
  if (a.size() < 2) return;
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  for (size_t i = 0; i < a.size(); ++i) {
    moments.a += (a[i] - mean_a) * (a[i] - mean_a) / (n * (n - 1));
    moments.b += (b[i] - mean_b) * (b[i] - mean_b) / (n * (n - 1));
    moments.both += (a[i] - mean_a) * (b[i] - mean_b) / (n * (n - 1));
  }
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

}  // namespace

Estimate auc_difference(std::span<const double> a, std::span<const double> b, std::span<const int8_t> membership,
                        double level, const Context& context) {
  require_paired(a, b);
  const SortedScores sorted_a = sort_scores(a, membership, context);
  const SortedScores sorted_b = sort_scores(b, membership, context);
  Moments moments;
  add_mean_moments(placements(side_of(a, membership, 1), sorted_a.nonmembers, context),
                   placements(side_of(b, membership, 1), sorted_b.nonmembers, context), moments);
  add_mean_moments(placements(side_of(a, membership, 0), sorted_a.members, context),
                   placements(side_of(b, membership, 0), sorted_b.members, context), moments);
  const double product = std::sqrt(moments.a * moments.b);
  const double correlation = product > 0 ? std::clamp(moments.both / product, -1.0, 1.0) : 0;

  const Estimate auc_a = auc_estimate(sorted_a, level, context);
  const Estimate auc_b = auc_estimate(sorted_b, level, context);
  const double value = *auc_a.value - *auc_b.value;
  const auto margin = [&](double of_a, double of_b) {
    return std::sqrt(std::max(0.0, of_a * of_a + of_b * of_b - 2 * correlation * of_a * of_b));
  };
  return {value, std::max(-1.0, value - margin(*auc_a.value - *auc_a.low, *auc_b.high - *auc_b.value)),
          std::min(1.0, value + margin(*auc_a.high - *auc_a.value, *auc_b.value - *auc_b.low)), level,
          "paired_delong_mover"};
}

Estimate statistic_difference(std::span<const double> a, std::span<const double> b, std::span<const int8_t> membership,
                              const RocStatistic& statistic, double level, uint32_t replicates, uint64_t seed,
                              const Context& context) {
  const double tail = error_rate(level) / 2;
  require_paired(a, b);
  if (replicates < 200)
    fail(Category::config, "a bootstrap of {} replicates was asked for; take at least 200, better 2 000", replicates);
  const double value = statistic(sort_scores(a, membership, context)) - statistic(sort_scores(b, membership, context));

  const PairedSide members(a, b, membership, 1);
  const PairedSide nonmembers(a, b, membership, 0);
  std::vector<double> resampled(replicates);
  parallel_blocks(replicates, kReplicateBlock, context, [&](size_t begin, size_t end) {
    for (size_t replicate = begin; replicate < end; ++replicate) {
      Rng rng(seed, replicate);
      const std::vector<uint32_t> member_times = draw_with_replacement(members.a.size(), rng);
      const std::vector<uint32_t> nonmember_times = draw_with_replacement(nonmembers.a.size(), rng);
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
  Estimate estimate{value, {}, {}, level, "paired_bootstrap"};
  if (resampled.front() == resampled.back()) return estimate;
  estimate.low = std::min(value, interpolated_quantile(resampled, tail));
  estimate.high = std::max(value, interpolated_quantile(resampled, 1 - tail));
  return estimate;
}

}  // namespace miaudit
