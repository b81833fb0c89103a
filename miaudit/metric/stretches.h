#pragma once

#include <algorithm>
#include <vector>

#include "miaudit/base/parallel.h"
#include "miaudit/metric/roc.h"

namespace miaudit {

struct Range {
  size_t begin;
  size_t end;
};

/// A stretch of both sides that shares no score with any other stretch.
struct Stretch {
  Range members;
  Range nonmembers;
};

/// What merge(stretch) gives for each of the stretches that both sides fall into, lowest scores first. Stretches do not
/// depend on the number of threads.
template <class Part, class Merge>
std::vector<Part> merge_stretches(const SortedScores& sorted, const Context& context, const Merge& merge) {
  constexpr size_t kBlock = size_t{1} << 16;
  const std::vector<double>& longer =
      sorted.members.size() >= sorted.nonmembers.size() ? sorted.members : sorted.nonmembers;
  // Cut where a score begins, so that no tie is torn apart.
  const auto cut = [&](const std::vector<double>& side, size_t place) -> size_t {
    if (place == 0) return 0;
    if (place >= longer.size()) return side.size();
    return static_cast<size_t>(std::ranges::lower_bound(side, longer[place]) - side.begin());
  };
  std::vector<Part> parts((longer.size() + kBlock - 1) / kBlock);
  parallel_blocks(longer.size(), kBlock, context, [&](size_t begin, size_t end) {
    parts[begin / kBlock] = merge(Stretch{{cut(sorted.members, begin), cut(sorted.members, end)},
                                          {cut(sorted.nonmembers, begin), cut(sorted.nonmembers, end)}});
  });
  return parts;
}

}  // namespace miaudit
