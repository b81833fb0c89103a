#pragma once

#include <cstdint>
#include <span>

#include "miaudit/math/kernels.h"

namespace miaudit {

/// One function of one row in plain C++: what the vector kernels are held against. `row` holds logits or logarithms of
/// probabilities up to a constant (spread and correctness: the values as given), finite, at least 2; y is the true
/// class, ignored where the function has none. Finite, but for `spread` of a constant row, which is NaN.
double evaluate_row(RowFunction function, std::span<const double> row, size_t y);

}  // namespace miaudit
