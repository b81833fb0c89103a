#pragma once

#include <optional>
#include <string>

namespace miaudit {

/// A figure and how surely it is known. An empty value: the data do not allow an estimate (the bounds may still say
/// something). Empty bounds: no interval is to be had, and a warning beside it says why.
struct Estimate {
  std::optional<double> value;
  std::optional<double> low;
  std::optional<double> high;
  /// Two-sided confidence level of [low, high], in (0, 1).
  double level = 0.95;
  /// How the interval was made: "delong_logit", "order_statistics_clopper_pearson", …
  std::string method;
};

}  // namespace miaudit
