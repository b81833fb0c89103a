#include "miaudit/metric/placements.h"

#include <algorithm>

namespace miaudit {

std::vector<double> placements(std::span<const double> values, const std::vector<double>& others) {
  std::vector<double> shares(values.size());
  const double scale = 0.5 / static_cast<double>(others.size());
  std::transform(values.begin(), values.end(), shares.begin(), [&](double value) {
    const auto [first, last] = std::equal_range(others.begin(), others.end(), value);
    return static_cast<double>((first - others.begin()) + (last - others.begin())) * scale;
  });
  return shares;
}

}  // namespace miaudit
