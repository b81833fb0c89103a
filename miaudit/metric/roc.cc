#include "miaudit/metric/roc.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "miaudit/base/parallel.h"
#include "miaudit/math/sort.h"
#include "miaudit/metric/stretches.h"

namespace miaudit {
namespace {

constexpr size_t kScanBlock = size_t{1} << 20;

/// Without a branch on the truth, which no processor could predict.
std::vector<double> sorted_side(std::span<const double> scores, std::span<const int8_t> membership, int8_t side,
                                size_t count) {
  std::vector<double> values(count + 1);  // one more: every score is written before it is known to belong
  size_t next = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    values[next] = scores[i];
    next += membership[i] == side;
  }
  values.pop_back();
  radix_sort(values);
  return values;
}

/// Calls visit(point) at every distinct threshold, highest first.
template <class Visit>
void walk_down(const SortedScores& sorted, const Visit& visit) {
  const std::vector<double>& members = sorted.members;
  const std::vector<double>& nonmembers = sorted.nonmembers;
  size_t i = members.size();
  size_t j = nonmembers.size();
  visit(RocPoint{std::numeric_limits<double>::infinity(), 0, 0});
  while (i > 0 || j > 0) {
    double threshold = -std::numeric_limits<double>::infinity();
    if (i > 0) threshold = members[i - 1];
    if (j > 0) threshold = std::max(threshold, nonmembers[j - 1]);
    while (i > 0 && members[i - 1] == threshold) --i;
    while (j > 0 && nonmembers[j - 1] == threshold) --j;
    visit(RocPoint{threshold, members.size() - i, nonmembers.size() - j});
  }
}

uint64_t count_from(const std::vector<double>& ascending, double threshold) {
  return static_cast<uint64_t>(ascending.end() - std::lower_bound(ascending.begin(), ascending.end(), threshold));
}

/// The lowest threshold among the scores with at most `allowed` false positives; +inf where every one has more.
RocPoint point_at_count(const SortedScores& sorted, uint64_t allowed) {
  const std::vector<double>& nonmembers = sorted.nonmembers;
  double threshold = std::numeric_limits<double>::infinity();
  if (allowed >= nonmembers.size()) {
    threshold = std::min(sorted.members.front(), nonmembers.front());
  } else {
    const double too_low = nonmembers[nonmembers.size() - 1 - allowed];
    for (const std::vector<double>* side : {&sorted.members, &nonmembers}) {
      const auto above = std::upper_bound(side->begin(), side->end(), too_low);
      if (above != side->end()) threshold = std::min(threshold, *above);
    }
  }
  return {threshold, count_from(sorted.members, threshold), count_from(nonmembers, threshold)};
}

uint64_t allowed_false_positives(uint64_t nonmembers, double fpr) {
  if (!(fpr >= 0 && fpr <= 1))
    fail(Category::config, "a false-positive rate of {} was asked for; it must lie between 0 and 1", fpr);
  // The product is rounded: 0.29 * 100 falls below 29, though 29/100 is 0.29.
  const double n = static_cast<double>(nonmembers);
  uint64_t count = static_cast<uint64_t>(fpr * n);
  while (count < nonmembers && static_cast<double>(count + 1) / n <= fpr) ++count;
  while (count > 0 && static_cast<double>(count) / n > fpr) --count;
  return count;
}

}  // namespace

KnownCounts check_scores(std::span<const double> scores, std::span<const int8_t> membership, const Context& context) {
  if (scores.size() != membership.size())
    fail(Category::input, "{} but {} were given; there must be one of each for every record, in one order",
         counted(scores.size(), "score"), counted(membership.size(), "membership value"));
  struct Scan {
    size_t members = 0;
    size_t nonmembers = 0;
    bool sound = true;
  };
  std::vector<Scan> scans(scores.size() / kScanBlock + 1);
  parallel_blocks(scores.size(), kScanBlock, context, [&](size_t begin, size_t end) {
    Scan scan;
    for (size_t i = begin; i < end; ++i) {
      scan.members += membership[i] == 1;
      scan.nonmembers += membership[i] == 0;
      // Without branches: members come in no order. NOLINTNEXTLINE(clang-diagnostic-bitwise-instead-of-logical)
      scan.sound &= (membership[i] == -1) | ((membership[i] >> 1 == 0) & std::isfinite(scores[i]));
    }
    scans[begin / kScanBlock] = scan;
  });
  Scan total;
  for (const Scan& scan : scans) {
    total.members += scan.members;
    total.nonmembers += scan.nonmembers;
    total.sound &= scan.sound;
  }
  if (!total.sound)
    for (size_t i = 0; i < scores.size(); ++i) {
      if (membership[i] < -1 || membership[i] > 1)
        fail(Category::input,
             "the membership of record {} is {}; it must be 1 (member), 0 (non-member) or -1 (unknown)", grouped(i),
             static_cast<int>(membership[i]));
      if (membership[i] != -1 && !std::isfinite(scores[i]))
        fail(Category::input,
             "the score of record {} is {}; scores must be finite: drop that record or repair its score", grouped(i),
             scores[i]);
    }
  if (total.members == 0 || total.nonmembers == 0)
    fail(Category::input, "among {} there are {} and {}; a ROC curve needs at least one of each",
         counted(scores.size(), "record"), counted(total.members, "member"), counted(total.nonmembers, "non-member"));

  // Products of two counts, and sums of as many squares, must keep within 64 and 128 bits.
  constexpr size_t kLimit = size_t{1} << 31;
  if (std::max(total.members, total.nonmembers) > kLimit)
    fail(Category::unsupported,
         "{} members and {} non-members: at most {} a side can be compared; audit a sample of them",
         grouped(total.members), grouped(total.nonmembers), grouped(kLimit));
  return {total.members, total.nonmembers};
}

SortedScores sort_scores(std::span<const double> scores, std::span<const int8_t> membership, const Context& context) {
  const KnownCounts total = check_scores(scores, membership, context);
  SortedScores sorted;
  parallel_blocks(2, 1, context, [&](size_t side, size_t) {
    if (side == 0)
      sorted.members = sorted_side(scores, membership, 1, total.members);
    else
      sorted.nonmembers = sorted_side(scores, membership, 0, total.nonmembers);
  });
  return sorted;
}

std::vector<RocPoint> roc_points(const SortedScores& sorted) {
  std::vector<RocPoint> points;
  walk_down(sorted, [&](const RocPoint& point) { points.push_back(point); });
  return points;
}

std::vector<RocPoint> roc_outline(const SortedScores& sorted, size_t limit) {
  if (limit < 4) fail(Category::internal, "roc_outline: a limit of {} points; expected at least 4", limit);
  const size_t nonmembers = sorted.nonmembers.size();
  if (sorted.members.size() + nonmembers < limit) return roc_points(sorted);
  std::vector<RocPoint> points{{std::numeric_limits<double>::infinity(), 0, 0}};
  const auto add = [&](uint64_t allowed) {
    const RocPoint point = point_at_count(sorted, allowed);
    if (point.threshold < points.back().threshold) points.push_back(point);
  };
  add(0);
  const size_t steps = limit - 3;
  for (size_t step = 0; step < steps; ++step)
    add(static_cast<uint64_t>(
        std::pow(static_cast<double>(nonmembers), static_cast<double>(step) / static_cast<double>(steps))));
  add(nonmembers);
  return points;
}

RocPoint point_at_fpr(const SortedScores& sorted, double fpr) {
  return point_at_count(sorted, allowed_false_positives(sorted.nonmembers.size(), fpr));
}

RocPoint best_advantage(const SortedScores& sorted, const Context& context) {
  struct Best {
    int64_t value = 0;
    size_t members = 0;     // below the threshold
    size_t nonmembers = 0;  // …
  };
  const double* const x = sorted.members.data();
  const double* const y = sorted.nonmembers.data();
  const auto members = static_cast<int64_t>(sorted.members.size());
  const auto nonmembers = static_cast<int64_t>(sorted.nonmembers.size());
  // The threshold is some member's score. Each of several that are equal is held against the best: the first has the
  // most members at or above it.
  const std::vector<Best> bests = merge_stretches<Best>(sorted, context, [&](const Stretch& stretch) {
    Best best;
    size_t j = stretch.nonmembers.begin;
    size_t i = stretch.members.begin;
    int64_t value = (members - static_cast<int64_t>(i)) * nonmembers - (nonmembers - static_cast<int64_t>(j)) * members;
    while (i < stretch.members.end) {
      // With selections in place of branches that would be mispredicted every other time.
      const bool is_threshold = j == stretch.nonmembers.end || !(y[j] < x[i]);
      const bool is_best = static_cast<int>(is_threshold) & static_cast<int>(value >= best.value);
      best.value = is_best ? value : best.value;
      best.members = is_best ? i : best.members;
      best.nonmembers = is_best ? j : best.nonmembers;
      value += is_threshold ? -nonmembers : members;
      i += is_threshold;
      j += !is_threshold;
    }
    return best;
  });
  Best best;
  for (const Best& own : bests)
    if (own.value >= best.value) best = own;
  if (best.value == 0) return {std::numeric_limits<double>::infinity(), 0, 0};
  return {x[best.members], sorted.members.size() - best.members, sorted.nonmembers.size() - best.nonmembers};
}

}  // namespace miaudit
