#include "miaudit/metric/order_statistics.h"

#include <algorithm>

#include "miaudit/math/distributions.h"

namespace miaudit {
namespace {

/// The first of 0 … end for which `holds`, false up to some point and true from there on; `end` if none.
template <class Predicate>
size_t first_that(size_t end, const Predicate& holds) {
  size_t begin = 0;
  while (begin < end) {
    const size_t middle = begin + (end - begin) / 2;
    if (holds(middle))
      end = middle;
    else
      begin = middle + 1;
  }
  return begin;
}

}  // namespace

ThresholdBracket bracket_threshold(const std::vector<double>& nonmembers, double fpr, double alpha, double worth) {
  const size_t n = nonmembers.size();
  const auto scaled = [worth](size_t count) { return static_cast<double>(count) * worth; };
  ThresholdBracket bracket;
  const size_t too_many =
      first_that(n, [&](size_t count) { return clopper_pearson_upper(scaled(count), scaled(n), alpha) > fpr; });
  if (too_many > 0) bracket.strict = nonmembers[n - too_many];
  const size_t enough = 1 + first_that(n, [&](size_t index) {
                          return clopper_pearson_lower(scaled(index + 1), scaled(n), alpha) >= fpr;
                        });
  if (enough <= n) bracket.inclusive = nonmembers[n - enough];
  return bracket;
}

double count_above(const std::vector<double>& ascending, double threshold) {
  return static_cast<double>(ascending.end() - std::upper_bound(ascending.begin(), ascending.end(), threshold));
}

double count_from(const std::vector<double>& ascending, double threshold) {
  return static_cast<double>(ascending.end() - std::lower_bound(ascending.begin(), ascending.end(), threshold));
}

}  // namespace miaudit
