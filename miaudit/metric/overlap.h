#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace miaudit {

/// A name's place in an order: 1 for the first; those that nothing tells apart share their mean place.
struct Ranked {
  std::string name;
  double rank = 0;
};

/// How many of the first `depth` names of one order are among the first `depth` of another.
struct Overlap {
  uint64_t depth = 0;
  double common = 0;           ///< Where names share places across the depth: the mean over ways to order these.
  double by_chance = 0;        ///< depth²/names: the mean for orders that know nothing of each other
  double chance_at_least = 1;  ///< Pr[as many or more] for such orders (hypergeometric; `common` rounded down)
};
struct OrderComparison {
  uint64_t names = 0;  ///< that both orders hold; only these are compared
  std::vector<Overlap> overlaps;
  double rank_correlation = 0;  ///< Spearman's, −1 … 1; 0 where one order tells nothing apart
};

/// a, b: in any order, each name at most once. depths: each from 1 to the number of common names.
/// Throws Error(input) for a name that stands twice, fewer than two common names, or a depth above their number.
/// O(n log n).
OrderComparison compare_orders(std::span<const Ranked> a, std::span<const Ranked> b, std::span<const uint64_t> depths);

}  // namespace miaudit
