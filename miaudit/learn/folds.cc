#include <algorithm>
#include <numeric>

#include "miaudit/base/rng.h"
#include "miaudit/learn/learners.h"

namespace miaudit {
namespace {

/// Records ordered by key, in their own order among equals, and where each key's stretch begins.
struct Sorted {
  std::vector<uint32_t> records;
  std::vector<size_t> begins;
};

Sorted sort_by_key(std::span<const uint32_t> keys) {
  const size_t distinct = keys.empty() ? 0 : size_t{*std::ranges::max_element(keys)} + 1;
  Sorted sorted{std::vector<uint32_t>(keys.size()), std::vector<size_t>(distinct + 1)};
  for (const uint32_t key : keys) ++sorted.begins[key + 1];
  std::partial_sum(sorted.begins.begin(), sorted.begins.end(), sorted.begins.begin());
  std::vector<size_t> next(sorted.begins);
  for (size_t i = 0; i < keys.size(); ++i) sorted.records[next[keys[i]]++] = static_cast<uint32_t>(i);
  return sorted;
}

std::vector<uint8_t> deal_records(std::span<const uint32_t> strata, size_t folds, Rng& rng) {
  Sorted sorted = sort_by_key(strata);
  for (size_t s = 0; s + 1 < sorted.begins.size(); ++s)
    rng.shuffle(std::span(sorted.records).subspan(sorted.begins[s], sorted.begins[s + 1] - sorted.begins[s]));
  std::vector<uint8_t> fold(strata.size());
  // Dealing goes on from stratum to stratum, so that the remainders do not all fall to the first folds.
  size_t next = 0;
  for (const uint32_t record : sorted.records) {
    fold[record] = static_cast<uint8_t>(next);
    if (++next == folds) next = 0;
  }
  return fold;
}

/// The number of each record's group, 0 … groups−1 in the order of ids.
std::vector<uint32_t> number_groups(std::span<const int64_t> groups) {
  std::vector<int64_t> ids(groups.begin(), groups.end());
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::vector<uint32_t> numbers(groups.size());
  for (size_t i = 0; i < groups.size(); ++i)
    numbers[i] = static_cast<uint32_t>(std::ranges::lower_bound(ids, groups[i]) - ids.begin());
  return numbers;
}

/// Each group goes where it adds least to the sum of squared fold sizes and squared stratum counts.
std::vector<uint8_t> place_groups(std::span<const uint32_t> strata, const Sorted& groups, size_t folds, Rng& rng) {
  const auto members = [&](uint32_t group) {
    return std::span(groups.records).subspan(groups.begins[group], groups.begins[group + 1] - groups.begins[group]);
  };
  std::vector<uint32_t> order(groups.begins.size() - 1);
  std::iota(order.begin(), order.end(), 0u);
  rng.shuffle(std::span(order));
  std::ranges::stable_sort(order, [&](uint32_t a, uint32_t b) { return members(a).size() > members(b).size(); });

  std::vector<uint8_t> fold(strata.size());
  std::vector<size_t> sizes(folds);
  std::vector<size_t> counts((size_t{*std::ranges::max_element(strata)} + 1) * folds);  // [strata][folds]
  std::vector<size_t> costs(folds);
  for (const uint32_t group : order) {
    for (size_t f = 0; f < folds; ++f) costs[f] = sizes[f] * members(group).size();
    for (const uint32_t record : members(group))
      for (size_t f = 0; f < folds; ++f) costs[f] += counts[strata[record] * folds + f];
    const size_t best = static_cast<size_t>(std::ranges::min_element(costs) - costs.begin());
    sizes[best] += members(group).size();
    for (const uint32_t record : members(group)) {
      ++counts[strata[record] * folds + best];
      fold[record] = static_cast<uint8_t>(best);
    }
  }
  return fold;
}

void check_folds(int folds, size_t units, const char* what) {
  if (folds < 2 || folds > 255)
    fail(Category::config, "a number of folds of {} was asked for; 2 to 255 are possible", folds);
  if (static_cast<size_t>(folds) > units)
    fail(Category::config, "{} folds asked for, but there is no more than {}; give more data or ask for fewer folds",
         folds, counted(units, what));
}

}  // namespace

std::vector<uint8_t> assign_folds(std::span<const uint32_t> strata, std::span<const int64_t> groups, int folds,
                                  uint64_t seed) {
  Rng rng(seed);
  if (groups.empty()) {
    check_folds(folds, strata.size(), "record");
    return deal_records(strata, static_cast<size_t>(folds), rng);
  }
  if (groups.size() != strata.size())
    fail(Category::internal, "assign_folds: {} groups for {} records", groups.size(), strata.size());
  const Sorted sorted = sort_by_key(number_groups(groups));
  check_folds(folds, sorted.begins.size() - 1, "group");
  return place_groups(strata, sorted, static_cast<size_t>(folds), rng);
}

}  // namespace miaudit
