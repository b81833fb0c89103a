#include "miaudit/metric/overlap.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "miaudit/base/error.h"
#include "miaudit/math/distributions.h"

namespace miaudit {
namespace {

std::unordered_map<std::string, double> ranks_of(std::span<const Ranked> order) {
  std::unordered_map<std::string, double> ranks;
  for (const Ranked& ranked : order)
    if (!ranks.emplace(ranked.name, ranked.rank).second)
      fail(
          Category::input,
          "record '{}' (an id, or a row) stands twice in one report; audit again with an id of its own for each record",
          ranked.name);
  return ranks;
}

/// Each value's place among all, 1 for the least; equals share their mean place, whose extent goes to `first` and
/// `last`.
struct Places {
  std::vector<double> mean;
  std::vector<double> first, last;

  explicit Places(const std::vector<double>& values) : mean(values.size()), first(values.size()), last(values.size()) {
    std::vector<size_t> order(values.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::sort(order, {}, [&](size_t k) { return values[k]; });
    for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
      while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
      for (size_t k = begin; k < end; ++k) {
        first[order[k]] = static_cast<double>(begin + 1);
        last[order[k]] = static_cast<double>(end);
        mean[order[k]] = 0.5 * static_cast<double>(begin + 1 + end);
      }
    }
  }
  /// Chance to be among the first `depth` where equals are put in any order.
  double within(size_t k, double depth) const {
    return std::clamp((depth - first[k] + 1) / (last[k] - first[k] + 1), 0.0, 1.0);
  }
};

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const double mean = 0.5 * static_cast<double>(a.size() + 1);
  double products = 0, squares_a = 0, squares_b = 0;
  for (size_t k = 0; k < a.size(); ++k) {
    products += (a[k] - mean) * (b[k] - mean);
    squares_a += (a[k] - mean) * (a[k] - mean);
    squares_b += (b[k] - mean) * (b[k] - mean);
  }
  return squares_a > 0 && squares_b > 0 ? products / std::sqrt(squares_a * squares_b) : 0;
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

OrderComparison compare_orders(std::span<const Ranked> a, std::span<const Ranked> b, std::span<const uint64_t> depths) {
  const auto in_a = ranks_of(a), in_b = ranks_of(b);
  std::vector<double> ranks_a, ranks_b;
  for (const Ranked& ranked : a) {
    const auto other = in_b.find(ranked.name);
    if (other == in_b.end()) continue;
    ranks_a.push_back(ranked.rank);
    ranks_b.push_back(other->second);
  }
  const uint64_t names = ranks_a.size();
  if (names < 2)
    fail(Category::input, "the two reports have {} in common; expected two of the same data or more",
         counted(names, "record"));
  const Places places_a(ranks_a), places_b(ranks_b);
  OrderComparison comparison{names, {}, correlation(places_a.mean, places_b.mean)};
  for (const uint64_t depth : depths) {
    if (depth < 1 || depth > names)
      fail(Category::input, "a depth of {} was asked for; expected 1 to {}, the number of records in both reports",
           depth, names);
    const double d = static_cast<double>(depth);
    double common = 0;
    for (size_t k = 0; k < names; ++k) common += places_a.within(k, d) * places_b.within(k, d);
    comparison.overlaps.push_back({depth, common, d * d / static_cast<double>(names),
                                   chance_of(static_cast<uint64_t>(common + 1e-9), depth, names)});
  }
  return comparison;
}

}  // namespace miaudit
