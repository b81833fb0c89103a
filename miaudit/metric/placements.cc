#include "miaudit/metric/placements.h"

#include <cmath>

#include "miaudit/base/parallel.h"
#include "miaudit/math/sort.h"

namespace miaudit {

std::vector<double> placements(std::span<const double> values, const std::vector<double>& others,
                               const Context& context) {
  std::vector<double> shares(values.size());
  const double scale = 0.5 / static_cast<double>(others.size());
  parallel_blocks(values.size(), 1 << 16, context, [&](size_t begin, size_t end) {
    const std::span<const double> own = values.subspan(begin, end - begin);
    std::vector<double> next(own.size());
    for (size_t k = 0; k < own.size(); ++k) next[k] = std::nextafter(own[k], INFINITY);
    std::vector<size_t> below(own.size()), upto(own.size());
    count_below(others, own, below);
    count_below(others, next, upto);
    for (size_t k = 0; k < own.size(); ++k) shares[begin + k] = static_cast<double>(below[k] + upto[k]) * scale;
  });
  return shares;
}

}  // namespace miaudit
