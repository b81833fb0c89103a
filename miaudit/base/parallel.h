#pragma once

#include <cstddef>
#include <functional>

#include "miaudit/base/context.h"

namespace miaudit {

/// Calls body(begin, end) once for each block [k·block, min((k+1)·block, count)), on up to context.threads threads.
/// The blocks do not depend on the number of threads, so a body that writes only to places of its own block gives the
/// same bytes on any number. Between blocks a cancelled context stops the work.
/// Throws what the lowest failing block threw, after every thread has stopped. `block` must be >= 1.
void parallel_blocks(size_t count, size_t block, const Context& context,
                     const std::function<void(size_t begin, size_t end)>& body);

}  // namespace miaudit
