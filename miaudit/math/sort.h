#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "miaudit/base/context.h"

namespace miaudit {

/// Sorts finite doubles ascending, in O(n); −0 and +0 compare equal and their order is unspecified, so −0 comes out as
/// +0. Takes as much memory again as `values` while it runs. One thread.
void radix_sort(std::span<double> values);

/// All values of several ascending runs, ascending, as radix_sort would have them. O(n), in cache where the runs are
/// long and many.
std::vector<double> merge_sorted(std::span<const std::span<const double>> runs, const Context& context);

/// counts[k] = how many of the ascending `sorted` lie below values[k]. O(values · log sorted), several searches in
/// step, by the widest vectors of this machine. One thread.
void count_below(std::span<const double> sorted, std::span<const double> values, std::span<size_t> counts);
/// … lie at or below it.
void count_up_to(std::span<const double> sorted, std::span<const double> values, std::span<size_t> counts);

}  // namespace miaudit
