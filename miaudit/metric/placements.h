#pragma once

#include <span>
#include <vector>

#include "miaudit/base/context.h"

namespace miaudit {

/// For each value, in the order given, the share of the `others` (ascending) below it, and half of those equal to it:
/// DeLong's structural components of the AUC. O(n log n).
std::vector<double> placements(std::span<const double> values, const std::vector<double>& others,
                               const Context& context);

/// How many of the `others` are below each of the ascending values, and half of those equal to it; O(n) where both are
/// alike in number. One thread.
void ascending_ranks(std::span<const double> values, std::span<const double> others, std::span<double> ranks);

}  // namespace miaudit
