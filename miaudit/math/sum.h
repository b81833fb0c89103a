#pragma once

#include <cstddef>

namespace miaudit {

/// The sum of function(k) for k in [begin, begin + count), in the order in which NumPy adds a contiguous axis: halves
/// down to 128 terms, each of them in 8 strands.
template <class Function>
double pairwise_sum(size_t begin, size_t count, const Function& function) {
  if (count > 128) {
    const size_t half = count / 2 - count / 2 % 8;
    const double left = pairwise_sum(begin, half, function);
    return left + pairwise_sum(begin + half, count - half, function);
  }
  double total = 0;
  size_t k = 0;
  if (count >= 8) {
    double s[8];
    for (; k < 8; ++k) s[k] = function(begin + k);
    for (; k + 8 <= count; k += 8) {
      for (size_t j = 0; j < 8; ++j) s[j] += function(begin + k + j);
    }
    total = ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
  }
  for (; k < count; ++k) total += function(begin + k);
  return total;
}

}  // namespace miaudit
