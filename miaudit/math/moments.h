#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace miaudit {

/// Values of several models for the same records, and on which side of each record each model stands.
struct SidedValues {
  std::span<const double* const> values;  ///< [models] → [samples][queries], finite
  std::span<const int8_t* const> sides;   ///< [models] → [samples]: 1 IN, 0 OUT, −1 neither
  size_t samples = 0;
  size_t queries = 1;
  std::span<const double> in_counts, out_counts;  ///< [samples]: models on either side
};
/// One value for each sample and query. The variances may be left out: half the cost.
struct SidedMoments {
  std::span<double> in_mean, in_variance, out_mean, out_variance;
};

/// Mean and variance (mean squared deviation from the mean) over the models on each side of each sample in
/// [begin, end); NaN where a side has none. In two passes, models in order, so that the bytes depend on nothing else.
/// One thread, by the widest vectors of this machine. Cost: one read of the values from memory.
void sided_moments(const SidedValues& from, size_t begin, size_t end, const SidedMoments& to);

}  // namespace miaudit
