#pragma once

#include <vector>

namespace miaudit {

/// Sorts finite doubles ascending, in O(n); −0 and +0 compare equal and their order is unspecified, so −0 comes out as
/// +0. Takes as much memory again as `values` while it runs. One thread.
void radix_sort(std::vector<double>& values);

}  // namespace miaudit
