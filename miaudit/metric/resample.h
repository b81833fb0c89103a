#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "miaudit/base/rng.h"

namespace miaudit {

/// How often each of `count` records is drawn when count are drawn with replacement.
inline std::vector<uint32_t> draw_with_replacement(size_t count, Rng& rng) {
  std::vector<uint32_t> times(count, 0);
  for (size_t draw = 0; draw < count; ++draw) ++times[rng.below(count)];
  return times;
}

/// Linear interpolation between order statistics; `ascending` is not empty, p in [0, 1].
double interpolated_quantile(std::span<const double> ascending, double p);

}  // namespace miaudit
