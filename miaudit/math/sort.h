#pragma once

#include <cstddef>
#include <span>

namespace miaudit {

/// Sorts finite doubles ascending, in O(n); −0 and +0 compare equal and their order is unspecified, so −0 comes out as
/// +0. Takes as much memory again as `values` while it runs. One thread.
void radix_sort(std::span<double> values);

/// counts[k] = how many of the ascending `sorted` lie below values[k]. O(values · log sorted), several searches in
/// step, so that the memory accesses of one hide those of the others. One thread.
void count_below(std::span<const double> sorted, std::span<const double> values, std::span<size_t> counts);

}  // namespace miaudit
