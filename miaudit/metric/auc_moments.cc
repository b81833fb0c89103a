#include <algorithm>
#include <limits>

#include "miaudit/base/parallel.h"
#include "miaudit/metric/roc.h"

namespace miaudit {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr size_t kMergeBlock = size_t{1} << 16;

/// A record's placement is twice the number of records of the other side that it outranks, ties counting one: an integer.
/// Integer sums are exact, so no result depends on how the work was cut.
struct PlacementSums {
  uint64_t members = 0;  ///< equal to the non-members' sum: the same pairs
  Wide members_squared = 0;
  Wide nonmembers_squared = 0;

  void add_members(uint64_t count, uint64_t placement) {
    members += count * placement;
    members_squared += static_cast<Wide>(placement) * placement * count;
  }
  void add_nonmembers(uint64_t count, uint64_t placement) {
    nonmembers_squared += static_cast<Wide>(placement) * placement * count;
  }
};

struct Range {
  size_t begin;
  size_t end;
};

/// Merges a stretch of both sides that shares no score with any other stretch.
PlacementSums merge(const SortedScores& sorted, Range members, Range nonmembers) {
  const double* const x = sorted.members.data();
  const double* const y = sorted.nonmembers.data();
  const uint64_t all_members = sorted.members.size();
  size_t i = members.begin;
  size_t j = nonmembers.begin;
  PlacementSums sums;
  while (i < members.end && j < nonmembers.end) {
    const double member = x[i];
    const double nonmember = y[j];
    if (member == nonmember) [[unlikely]] {
      const size_t i_begin = i;
      const size_t j_begin = j;
      while (i < members.end && x[i] == member) ++i;
      while (j < nonmembers.end && y[j] == member) ++j;
      sums.add_members(i - i_begin, j_begin + j);
      sums.add_nonmembers(j - j_begin, 2 * all_members - i_begin - i);
      continue;
    }
    // Masks in place of a branch that would be mispredicted every other time.
    const uint64_t member_next = member < nonmember;
    const uint64_t mask = 0 - member_next;
    const uint64_t member_placement = 2 * j & mask;
    const uint64_t nonmember_placement = 2 * (all_members - i) & ~mask;
    sums.members += member_placement;
    sums.members_squared += static_cast<Wide>(member_placement) * member_placement;
    sums.nonmembers_squared += static_cast<Wide>(nonmember_placement) * nonmember_placement;
    i += member_next;
    j += 1 - member_next;
  }
  sums.add_members(members.end - i, 2 * j);
  sums.add_nonmembers(nonmembers.end - j, 2 * (all_members - i));
  return sums;
}

size_t rank_of(const std::vector<double>& ascending, double value) {
  return static_cast<size_t>(std::lower_bound(ascending.begin(), ascending.end(), value) - ascending.begin());
}

/// Variance of one side's mean placement, as a share of the other side.
double mean_variance(Wide sum, Wide squares, uint64_t count, uint64_t others) {
  if (count < 2) return 0;
  const double n = static_cast<double>(count);
  const double scale = 2 * static_cast<double>(others);
  return static_cast<double>(squares * count - sum * sum) / (n * (n - 1) * n) / (scale * scale);
}

}  // namespace

AucMoments auc_moments(const SortedScores& sorted, const Context& context) {
  const uint64_t m = sorted.members.size();
  const uint64_t n = sorted.nonmembers.size();
  if (m == 0 || n == 0) fail(Category::internal, "auc_moments: {} members and {} non-members; expected some", m, n);
  // Past this the squared sums could leave 128 bits.
  constexpr uint64_t kLimit = uint64_t{1} << 31;
  if (m > kLimit || n > kLimit)
    fail(Category::unsupported, "{} members and {} non-members: at most {} a side can be compared; audit a sample of them",
         grouped(m), grouped(n), grouped(kLimit));

  const std::vector<double>& longer = m >= n ? sorted.members : sorted.nonmembers;
  std::vector<PlacementSums> blocks(longer.size() / kMergeBlock + 1);
  parallel_blocks(longer.size(), kMergeBlock, context, [&](size_t begin, size_t end) {
    // Cut where a score begins, so that no tie is torn apart.
    const auto cut = [&](const std::vector<double>& side, size_t place) -> size_t {
      if (place == 0) return 0;
      return place < longer.size() ? rank_of(side, longer[place]) : side.size();
    };
    blocks[begin / kMergeBlock] = merge(sorted, {cut(sorted.members, begin), cut(sorted.members, end)},
                                        {cut(sorted.nonmembers, begin), cut(sorted.nonmembers, end)});
  });
  PlacementSums total;
  for (const PlacementSums& block : blocks) {
    total.members += block.members;
    total.members_squared += block.members_squared;
    total.nonmembers_squared += block.nonmembers_squared;
  }
  const double pairs = static_cast<double>(m) * static_cast<double>(n);
  return {static_cast<double>(total.members) / (2 * pairs),
          mean_variance(total.members, total.members_squared, m, n) +
              mean_variance(total.members, total.nonmembers_squared, n, m)};
}

}  // namespace miaudit
