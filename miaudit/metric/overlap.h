#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace miaudit {

/// How many of the first `depth` names of one order are among the first `depth` of another.
struct Overlap {
  uint64_t depth = 0;
  uint64_t common = 0;
  double by_chance = 0;    ///< depth²/names: the mean for orders that know nothing of each other
  double chance_at_least;  ///< Pr[as many or more] for such orders (hypergeometric, exact)
};
struct OrderComparison {
  uint64_t names = 0;  ///< that both orders hold; only these are compared
  std::vector<Overlap> overlaps;
  double rank_correlation = 0;  ///< Spearman's, −1 … 1
};

/// a, b: names, each at most once, the first first. depths: those above the number of common names are left out.
/// Throws Error(input) for a name that stands twice, or fewer than two common names. O(n log n).
OrderComparison compare_orders(std::span<const std::string> a, std::span<const std::string> b,
                               std::span<const uint64_t> depths);

}  // namespace miaudit
