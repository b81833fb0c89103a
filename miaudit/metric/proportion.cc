#include "miaudit/math/distributions.h"
#include "miaudit/metric/interval.h"
#include "miaudit/metric/level.h"

namespace miaudit {

Estimate proportion_estimate(uint64_t k, uint64_t n, double level) {
  const double tail = error_rate(level) / 2;
  Estimate estimate{{}, 0.0, 1.0, level, "clopper_pearson"};
  if (n == 0) return estimate;
  const double count = static_cast<double>(k);
  const double trials = static_cast<double>(n);
  estimate.value = count / trials;
  estimate.low = clopper_pearson_lower(count, trials, tail);
  estimate.high = clopper_pearson_upper(count, trials, tail);
  return estimate;
}

Estimate precision_estimate(const Estimate& tpr, double fpr, double prior) {
  if (!(fpr > 0 && fpr <= 1))
    fail(Category::config, "a precision at a false-positive rate of {} was asked for; it must lie in (0, 1]", fpr);
  if (!(prior > 0 && prior < 1))
    fail(Category::config, "a prior of {} was asked for; the share of members must lie strictly between 0 and 1",
         prior);
  const auto precision = [&](const std::optional<double>& rate) -> std::optional<double> {
    if (!rate) return {};
    return prior * *rate / (prior * *rate + (1 - prior) * fpr);
  };
  return {precision(tpr.value), precision(tpr.low), precision(tpr.high), tpr.level, tpr.method};
}

}  // namespace miaudit
