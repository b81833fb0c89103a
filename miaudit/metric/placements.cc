#include "miaudit/metric/placements.h"

#include <algorithm>
#include <array>
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

void ascending_placements(std::span<const double> values, const std::vector<double>& others, std::span<double> shares) {
  // So many values at a time lie close together among the others, where a search is short.
  constexpr size_t kBlock = 64;
  const double scale = 0.5 / static_cast<double>(others.size());
  std::array<double, kBlock> next;
  std::array<size_t, kBlock> below;
  std::array<size_t, kBlock> upto;
  size_t from = 0;
  for (size_t k = 0; k < values.size(); k += kBlock) {
    const std::span<const double> own = values.subspan(k, std::min(kBlock, values.size() - k));
    for (size_t j = 0; j < own.size(); ++j) next[j] = std::nextafter(own[j], INFINITY);
    size_t end = from;
    for (size_t step = kBlock; end < others.size() && others[end] < next[own.size() - 1]; step *= 2) end += step;
    end = std::min(end, others.size());
    const std::span<const double> near = std::span(others).subspan(from, end - from);
    count_below(near, own, below);
    count_below(near, std::span(next).first(own.size()), upto);
    for (size_t j = 0; j < own.size(); ++j) shares[k + j] = static_cast<double>(2 * from + below[j] + upto[j]) * scale;
    from += below[own.size() - 1];
  }
}

}  // namespace miaudit
