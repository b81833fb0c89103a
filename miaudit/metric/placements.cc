#include "miaudit/metric/placements.h"

#include <algorithm>
#include <array>

#include "miaudit/base/parallel.h"
#include "miaudit/math/sort.h"

namespace miaudit {

std::vector<double> placements(std::span<const double> values, const std::vector<double>& others,
                               const Context& context) {
  std::vector<double> shares(values.size());
  const double scale = 0.5 / static_cast<double>(others.size());
  parallel_blocks(values.size(), 1 << 16, context, [&](size_t begin, size_t end) {
    const std::span<const double> own = values.subspan(begin, end - begin);
    std::vector<size_t> below(own.size()), up_to(own.size());
    count_below(others, own, below);
    count_up_to(others, own, up_to);
    for (size_t k = 0; k < own.size(); ++k) shares[begin + k] = static_cast<double>(below[k] + up_to[k]) * scale;
  });
  return shares;
}

void ascending_ranks(std::span<const double> values, std::span<const double> others, std::span<double> ranks) {
  // So many values at a time lie close together among the others, where a search is short.
  constexpr size_t kBlock = 64;
  std::array<size_t, kBlock> below;
  std::array<size_t, kBlock> up_to;
  size_t from = 0;
  for (size_t k = 0; k < values.size(); k += kBlock) {
    const std::span<const double> own = values.subspan(k, std::min(kBlock, values.size() - k));
    size_t end = from;
    for (size_t step = kBlock; end < others.size() && others[end] <= own.back(); step *= 2) end += step;
    end = std::min(end, others.size());
    const std::span<const double> near = others.subspan(from, end - from);
    count_below(near, own, below);
    bool is_tied = false;
    for (size_t j = 0; j < own.size(); ++j) is_tied |= below[j] < near.size() && near[below[j]] == own[j];
    if (is_tied)
      count_up_to(near, own, up_to);
    else
      up_to = below;
    for (size_t j = 0; j < own.size(); ++j) ranks[k + j] = 0.5 * static_cast<double>(2 * from + below[j] + up_to[j]);
    from += below[own.size() - 1];
  }
}

}  // namespace miaudit
