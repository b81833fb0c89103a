#include <algorithm>
#include <cmath>

#include "miaudit/metric/auc_interval.h"
#include "miaudit/metric/roc.h"
#include "miaudit/metric/stretches.h"

namespace miaudit {
namespace {

__extension__ using Wide = unsigned __int128;

/// A record's placement is twice the number of records of the other side that it outranks (a member) or that outrank it
/// (a non-member), ties counting one: an integer. Integer sums are exact, so no result depends on how the work was cut.
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
  /// With masks in place of a branch that would be mispredicted every other time.
  void add_next(uint64_t is_member, uint64_t as_member, uint64_t as_nonmember) {
    as_member &= 0 - is_member;
    as_nonmember &= is_member - 1;
    members += as_member;
    members_squared += static_cast<Wide>(as_member) * as_member;
    nonmembers_squared += static_cast<Wide>(as_nonmember) * as_nonmember;
  }
  void add(const PlacementSums& other) {
    members += other.members;
    members_squared += other.members_squared;
    nonmembers_squared += other.nonmembers_squared;
  }
};

/// Second and fourth powers of the placements' deviations from their mean, as shares of the other side; [1]: members.
struct PowerSums {
  double scale[2];
  double mean;
  double squares[2] = {};
  double fourths[2] = {};

  void add_one_side(uint64_t side, double count, uint64_t placement) {
    const double deviation = static_cast<double>(placement) * scale[side] - mean;
    const double square = deviation * deviation;
    squares[side] += count * square;
    fourths[side] += count * square * square;
  }
  void add_members(uint64_t count, uint64_t placement) { add_one_side(1, static_cast<double>(count), placement); }
  void add_nonmembers(uint64_t count, uint64_t placement) { add_one_side(0, static_cast<double>(count), placement); }
  void add_next(uint64_t is_member, uint64_t as_member, uint64_t as_nonmember) {
    add_one_side(is_member, 1, is_member ? as_member : as_nonmember);
  }
  void add(const PowerSums& other) {
    for (const int side : {0, 1}) {
      squares[side] += other.squares[side];
      fourths[side] += other.fourths[side];
    }
  }
  double carriers(int side) const { return fourths[side] > 0 ? squares[side] * squares[side] / fourths[side] : 0; }
};

/// Merges a stretch of both sides that shares no score with any other stretch.
template <class Sums>
Sums merge(const SortedScores& sorted, const Stretch& stretch, Sums sums) {
  const auto& [members, nonmembers] = stretch;
  const double* const x = sorted.members.data();
  const double* const y = sorted.nonmembers.data();
  const uint64_t all_members = sorted.members.size();
  size_t i = members.begin;
  size_t j = nonmembers.begin;
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
    const uint64_t member_next = member < nonmember;
    sums.add_next(member_next, 2 * j, 2 * (all_members - i));
    i += member_next;
    j += 1 - member_next;
  }
  sums.add_members(members.end - i, 2 * j);
  sums.add_nonmembers(nonmembers.end - j, 2 * (all_members - i));
  return sums;
}

template <class Sums>
Sums merge_all(const SortedScores& sorted, const Context& context, const Sums& zero) {
  const std::vector<Sums> parts =
      merge_stretches<Sums>(sorted, context, [&](const Stretch& stretch) { return merge(sorted, stretch, zero); });
  Sums total = zero;
  for (const Sums& part : parts) total.add(part);
  return total;
}

/// Variance of one side's mean placement, as a share of the other side.
double mean_variance(Wide sum, Wide squares, uint64_t count, uint64_t others) {
  if (count < 2) return 0;
  const double n = static_cast<double>(count);
  const double scale = 2 * static_cast<double>(others);
  return static_cast<double>(squares * count - sum * sum) / (n * (n - 1) * n) / (scale * scale);
}

struct Exact {
  double auc;
  double member_variance;
  double nonmember_variance;
};

Exact exact_moments(const SortedScores& sorted, const Context& context) {
  const uint64_t m = sorted.members.size();
  const uint64_t n = sorted.nonmembers.size();
  if (m == 0 || n == 0)
    fail(Category::internal, "an AUC of {} members and {} non-members; expected some of each", m, n);
  const PlacementSums total = merge_all(sorted, context, PlacementSums{});
  return {static_cast<double>(total.members) / (2 * static_cast<double>(m) * static_cast<double>(n)),
          mean_variance(total.members, total.members_squared, m, n),
          mean_variance(total.members, total.nonmembers_squared, n, m)};
}

}  // namespace

AucMoments auc_moments(const SortedScores& sorted, const Context& context) {
  const Exact exact = exact_moments(sorted, context);
  return {exact.auc, exact.member_variance + exact.nonmember_variance};
}

AucEvidence auc_evidence(const SortedScores& sorted, const Context& context) {
  const Exact exact = exact_moments(sorted, context);
  const double members = static_cast<double>(sorted.members.size());
  const double nonmembers = static_cast<double>(sorted.nonmembers.size());
  const PowerSums powers =
      merge_all(sorted, context, PowerSums{.scale = {0.5 / members, 0.5 / nonmembers}, .mean = exact.auc});
  const double worth = sorted.worth;
  const auto side = [worth](double records, double variance, double carriers) {
    return AucSide{std::max(1.0, records * worth), variance / worth, carriers * worth};
  };
  return {.auc = exact.auc,
          .members = side(members, exact.member_variance, powers.carriers(1)),
          .nonmembers = side(nonmembers, exact.nonmember_variance, powers.carriers(0)),
          .covariance = 0,
          .independent_pairs = std::max(1.0, std::floor(std::min(members, nonmembers) * worth)),
          .degrees = (members + nonmembers) * worth - 2};
}

}  // namespace miaudit
