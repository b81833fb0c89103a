#pragma once

#include <cstddef>
#include <vector>

#include "miaudit/base/context.h"

namespace miaudit {

/// As std::vector<double>(count), of which the system is asked for the pages by all threads at once: on a virtual
/// machine that takes far longer than filling them does. Worth it from a few megabytes up.
std::vector<double> zeros(size_t count, const Context& context);

}  // namespace miaudit
