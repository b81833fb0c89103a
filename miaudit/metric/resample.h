#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "miaudit/base/error.h"
#include "miaudit/base/rng.h"

namespace miaudit {

/// Throws Error(config) for fewer than 200.
inline void require_replicates(uint32_t replicates) {
  if (replicates < 200)
    fail(Category::config, "a bootstrap of {} replicates was asked for; take at least 200, better 2 000", replicates);
}

/// How often each of `count` records is drawn when count are drawn with replacement.
inline std::vector<uint32_t> draw_with_replacement(size_t count, Rng& rng) {
  std::vector<uint32_t> times(count, 0);
  for (size_t draw = 0; draw < count; ++draw) ++times[rng.below(count)];
  return times;
}

/// Counts of draws, Poisson's with mean 1: as draw_with_replacement() but for the total, which varies too; for very
/// many.
class PoissonDraws {
 public:
  explicit PoissonDraws(Rng& rng) : rng_(rng) {}

  void fill(std::span<uint32_t> times) {
    const std::vector<uint8_t>& of_bits = table();
    for (size_t i = 0; i < times.size(); i += 4) {
      uint64_t bits = rng_();
      for (size_t k = i; k < std::min(i + 4, times.size()); ++k, bits >>= 16) times[k] = of_bits[bits & 0xffff];
    }
  }
  /// Of so many together.
  double total_of(size_t count) {
    const double mean = static_cast<double>(count);
    return count == 0 ? 0 : std::max(0.0, std::round(mean + std::sqrt(mean) * rng_.normal()));
  }

 private:
  /// [16 random bits]
  static const std::vector<uint8_t>& table() {
    static const std::vector<uint8_t> times = [] {
      std::vector<uint8_t> filled;
      double share = std::exp(-1.0), up_to = share;
      for (uint8_t count = 0; filled.size() < 0x10000; up_to += share /= ++count)
        filled.resize(std::min<size_t>(0x10000, static_cast<size_t>(std::ceil(up_to * 0x10000))), count);
      return filled;
    }();
    return times;
  }
  Rng& rng_;
};

/// Linear interpolation between order statistics; `ascending` is not empty, p in [0, 1].
double interpolated_quantile(std::span<const double> ascending, double p);

}  // namespace miaudit
