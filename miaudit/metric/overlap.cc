#include "miaudit/metric/overlap.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "miaudit/base/error.h"
#include "miaudit/math/distributions.h"

namespace miaudit {
namespace {

using Places = std::unordered_map<std::string, uint64_t>;

Places places_of(std::span<const std::string> names) {
  Places places;
  for (const std::string& name : names)
    if (!places.emplace(name, places.size()).second)
      fail(Category::input, "record {} stands twice in one report; each must stand once", name);
  return places;
}

double log_choose(double n, double k) {
  return log_gamma(n + 1) - log_gamma(k + 1) - log_gamma(n - k + 1);
}

/// Pr[at least `common` of `depth` drawn are among `depth` marked of `names`].
double chance_of(uint64_t common, uint64_t depth, uint64_t names) {
  const double n = static_cast<double>(names), d = static_cast<double>(depth);
  const double all = log_choose(n, d);
  double chance = 0;
  for (double k = static_cast<double>(common); k <= d; ++k)
    if (d - k <= n - d) chance += std::exp(log_choose(d, k) + log_choose(n - d, d - k) - all);
  return std::min(1.0, chance);
}

}  // namespace

OrderComparison compare_orders(std::span<const std::string> a, std::span<const std::string> b,
                               std::span<const uint64_t> depths) {
  const Places in_a = places_of(a), in_b = places_of(b);
  // Ranks among the names that both hold.
  std::vector<std::string> common;
  for (const std::string& name : a)
    if (in_b.contains(name)) common.push_back(name);
  if (common.size() < 2)
    fail(Category::input, "the two reports have {} in common; expected two of the same data or more",
         counted(common.size(), "record"));
  std::vector<uint64_t> order(common.size());
  for (uint64_t k = 0; k < order.size(); ++k) order[k] = k;
  std::ranges::sort(order, {}, [&](uint64_t k) { return in_b.at(common[k]); });
  std::vector<uint64_t> rank_in_b(order.size());
  for (uint64_t k = 0; k < order.size(); ++k) rank_in_b[order[k]] = k;

  OrderComparison comparison;
  comparison.names = common.size();
  const double n = static_cast<double>(common.size());
  double squares = 0;
  for (uint64_t k = 0; k < rank_in_b.size(); ++k) {
    const double difference = static_cast<double>(k) - static_cast<double>(rank_in_b[k]);
    squares += difference * difference;
  }
  comparison.rank_correlation = 1 - 6 * squares / (n * (n * n - 1));
  for (const uint64_t depth : depths) {
    if (depth < 1 || depth > common.size()) continue;
    const uint64_t shared = static_cast<uint64_t>(std::count_if(
        rank_in_b.begin(), rank_in_b.begin() + static_cast<ptrdiff_t>(depth), [&](uint64_t r) { return r < depth; }));
    const double d = static_cast<double>(depth);
    comparison.overlaps.push_back({depth, shared, d * d / n, chance_of(shared, depth, common.size())});
  }
  return comparison;
}

}  // namespace miaudit
