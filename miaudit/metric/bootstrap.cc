#include <algorithm>
#include <cmath>

#include "miaudit/base/parallel.h"
#include "miaudit/math/distributions.h"
#include "miaudit/metric/interval.h"
#include "miaudit/metric/level.h"
#include "miaudit/metric/resample.h"

namespace miaudit {
namespace {

constexpr size_t kReplicateBlock = 16;
/// Past this many records of a side, blocks of them are left out together: the skewness of a mean of blocks is the
/// mean's.
constexpr size_t kJackknifeBlocks = 200;

std::vector<double> repeated(const std::vector<double>& ascending, Rng& rng) {
  const std::vector<uint32_t> times = draw_with_replacement(ascending.size(), rng);
  std::vector<double> drawn;
  drawn.reserve(ascending.size());
  for (size_t i = 0; i < ascending.size(); ++i) drawn.insert(drawn.end(), times[i], ascending[i]);
  return drawn;
}

/// Adds one side's sums of cubes and squares of the influence values, each divided by the side's count.
struct Acceleration {
  double cubes = 0;
  double squares = 0;

  void add(const std::vector<double>& without_block) {
    const double blocks = static_cast<double>(without_block.size());
    double mean = 0;
    for (const double value : without_block) mean += value / blocks;
    for (const double value : without_block) {
      const double influence = (mean - value) * (blocks - 1) / blocks;
      cubes += influence * influence * influence;
      squares += influence * influence;
    }
  }
  double value() const { return squares > 0 ? cubes / (6 * squares * std::sqrt(squares)) : 0; }
};

/// The statistic with each block of one side left out in turn; empty where nothing would be left.
std::vector<double> jackknife(const SortedScores& sorted, std::vector<double> SortedScores::*side,
                              const RocStatistic& statistic, Rng rng, const Context& context) {
  const std::vector<double>& all = sorted.*side;
  if (all.size() < 2) return {};
  const size_t blocks = std::min(all.size(), kJackknifeBlocks);
  // At random: blocks cut from sorted scores would not be alike.
  std::vector<uint32_t> block_of(all.size());
  for (size_t i = 0; i < all.size(); ++i) block_of[i] = static_cast<uint32_t>(i % blocks);
  rng.shuffle(std::span(block_of));
  std::vector<double> values(blocks);
  parallel_blocks(blocks, kReplicateBlock, context, [&](size_t begin, size_t end) {
    SortedScores rest = sorted;
    for (size_t block = begin; block < end; ++block) {
      (rest.*side).clear();
      for (size_t i = 0; i < all.size(); ++i)
        if (block_of[i] != block) (rest.*side).push_back(all[i]);
      values[block] = statistic(rest);
    }
  });
  return values;
}

}  // namespace

double interpolated_quantile(std::span<const double> ascending, double p) {
  const double place =
      std::clamp(p * (static_cast<double>(ascending.size()) + 1) - 1, 0.0, static_cast<double>(ascending.size() - 1));
  const size_t below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, ascending.size() - 1);
  return ascending[below] + (place - static_cast<double>(below)) * (ascending[above] - ascending[below]);
}

Estimate bca_estimate(const SortedScores& sorted, const RocStatistic& statistic, double level, uint32_t replicates,
                      uint64_t seed, const Context& context) {
  const double tail = error_rate(level) / 2;
  require_replicates(replicates);

  const double value = statistic(sorted);
  std::vector<double> resampled(replicates);
  parallel_blocks(replicates, kReplicateBlock, context, [&](size_t begin, size_t end) {
    for (size_t replicate = begin; replicate < end; ++replicate) {
      Rng rng(seed, replicate + 1);
      SortedScores drawn;
      drawn.members = repeated(sorted.members, rng);
      drawn.nonmembers = repeated(sorted.nonmembers, rng);
      resampled[replicate] = statistic(drawn);
    }
  });
  if (!std::isfinite(value) ||
      !std::all_of(resampled.begin(), resampled.end(), [](double x) { return std::isfinite(x); }))
    fail(Category::numeric, "the bootstrapped statistic is not finite on some resampled scores");
  std::sort(resampled.begin(), resampled.end());

  Estimate estimate{value, {}, {}, level, "bca_bootstrap"};
  // Replicates that all agree (perfectly ordered scores, say) show no uncertainty though there is some.
  if (resampled.front() == resampled.back()) return estimate;

  const auto [first_equal, last_equal] = std::equal_range(resampled.begin(), resampled.end(), value);
  const double count = static_cast<double>(replicates);
  const double below =
      static_cast<double>((first_equal - resampled.begin()) + (last_equal - resampled.begin())) / (2 * count);
  const double bias = normal_quantile(std::clamp(below, 0.5 / count, 1 - 0.5 / count));
  Acceleration acceleration;
  acceleration.add(jackknife(sorted, &SortedScores::members, statistic, Rng(seed, 0), context));
  acceleration.add(jackknife(sorted, &SortedScores::nonmembers, statistic, Rng(seed, replicates + 1ull), context));
  const double a = acceleration.value();
  const auto corrected = [&](double p) {
    const double z = bias + normal_quantile(p);
    // Past the pole the correction is meaningless; the farthest replicate is then the honest answer.
    return a * z >= 1 ? (z > 0 ? 1.0 : 0.0) : normal_cdf(bias + z / (1 - a * z));
  };
  estimate.low = std::min(value, interpolated_quantile(resampled, corrected(tail)));
  estimate.high = std::max(value, interpolated_quantile(resampled, corrected(1 - tail)));
  return estimate;
}

}  // namespace miaudit
