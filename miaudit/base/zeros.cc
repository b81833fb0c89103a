#include "miaudit/base/zeros.h"

#include <sys/mman.h>

#include <cstdint>

#include "miaudit/base/parallel.h"

namespace miaudit {
namespace {

constexpr size_t kHugePage = size_t{1} << 21;

/// The pages that lie wholly within. Where the system cannot, it gives each when it is first written.
void ask_for_pages(double* memory, size_t count, const Context& context) {
#ifdef MADV_POPULATE_WRITE
  const auto begin = (reinterpret_cast<std::uintptr_t>(memory) + kHugePage - 1) / kHugePage;
  const auto end = reinterpret_cast<std::uintptr_t>(memory + count) / kHugePage;
  if (context.threads <= 1 || end <= begin + 1) return;
  parallel_blocks(end - begin, 1, context, [&](size_t page, size_t) {
    ::madvise(reinterpret_cast<void*>((begin + page) * kHugePage), kHugePage, MADV_POPULATE_WRITE);
  });
#endif
}

}  // namespace

std::vector<double> zeros(size_t count, const Context& context) {
  std::vector<double> values;
  values.reserve(count);
  ask_for_pages(values.data(), count, context);
  values.resize(count);
  return values;
}

}  // namespace miaudit
