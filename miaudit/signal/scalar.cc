#include "miaudit/signal/scalar.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "miaudit/math/sum.h"

namespace miaudit {
namespace {

using Row = std::span<const double>;

size_t argmax(Row z) {
  return static_cast<size_t>(std::max_element(z.begin(), z.end()) - z.begin());
}

double max_without(Row z, size_t excluded) {
  double max = std::numeric_limits<double>::lowest();
  for (size_t k = 0; k < z.size(); ++k) {
    if (k != excluded) max = std::max(max, z[k]);
  }
  return max;
}

/// Σ_{k≠excluded} exp(z_k − reference).
double sum_exp_without(Row z, size_t excluded, double reference) {
  double sum = 0;
  for (size_t k = 0; k < z.size(); ++k) {
    if (k != excluded) sum += std::exp(z[k] - reference);
  }
  return sum;
}

/// The log of softmax's denominator relative to the maximum, as log1p of the other terms: a loss of 1e-30 keeps its
/// digits.
double log_total(Row z, size_t top) {
  return std::log1p(sum_exp_without(z, top, z[top]));
}

double loss(Row z, size_t y) {
  const size_t top = argmax(z);
  return (z[top] - z[y]) + log_total(z, top);
}

double confidence(Row z, size_t y) {
  const size_t top = argmax(z);
  return std::exp(z[y] - z[top]) / (1 + sum_exp_without(z, top, z[top]));
}

double max_probability(Row z) {
  const size_t top = argmax(z);
  return 1 / (1 + sum_exp_without(z, top, z[top]));
}

double rescaled_logit(Row z, size_t y) {
  const double max = max_without(z, y);
  return (z[y] - max) - std::log(sum_exp_without(z, y, max));
}

double entropy(Row z) {
  const size_t top = argmax(z);
  double sum = 0, weighted = 0;
  for (size_t k = 0; k < z.size(); ++k) {
    const double gap = z[k] - z[top], e = std::exp(gap);
    if (k == top || e == 0) continue;
    sum += e;
    weighted -= gap * e;
  }
  return std::log1p(sum) + weighted / (1 + sum);
}

double modified_entropy(Row z, size_t y) {
  const size_t top = argmax(z);
  // log(1 − p) of the largest class from its own second maximum: there 1 − p and even exp(second − max) may underflow.
  const double second = max_without(z, top), gap = second - z[top];
  const double below = sum_exp_without(z, top, second), sum = below * std::exp(gap), total = std::log1p(sum);
  const double log_rest_of_top = gap + std::log(below) - total;
  double others = 0;
  for (size_t k = 0; k < z.size(); ++k) {
    const double p = std::exp(z[k] - z[top]) / (1 + sum);
    if (k == y || p == 0) continue;
    others += p * (z[k] == z[top] ? log_rest_of_top : std::log1p(-p));
  }
  const double gap_y = z[y] - z[top];
  const double rest_of_y = gap_y == 0 ? sum / (1 + sum) : 1 - std::exp(gap_y) / (1 + sum);
  return rest_of_y * (total - gap_y) - others;
}

double spread(Row values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  // Halved where the difference of two finite values is not finite.
  const double scale = std::isfinite(*high - *low) ? 1 : 0.5;
  const double min = *low * scale, range = *high * scale - min;
  if (range == 0) return std::numeric_limits<double>::quiet_NaN();
  return pairwise_sum(0, values.size(), [&](size_t k) { return 1 - (values[k] * scale - min) / range; }) /
         static_cast<double>(values.size());
}

double taylor_confidence(Row z, size_t y) {
  constexpr double kTemperature = 2, kMargin = 0.6;
  // Beyond 1e60 the sum of fourth powers might overflow: u is then scaled down, and t(u) with it, by s⁴.
  double largest = 0;
  for (const double value : z) largest = std::max(largest, std::abs(value));
  const double s = largest > 1e60 ? 1e60 / largest : 1;
  double sum = 0, label = 0;
  for (size_t k = 0; k < z.size(); ++k) {
    const double v = s * (z[k] / kTemperature) - s * (k == y ? kMargin : 0);
    const double t = (((v / 24 + s / 6) * v + s * s / 2) * v + s * s * s) * v + s * s * s * s;
    sum += t;
    if (k == y) label = t;
  }
  return label / sum;
}

}  // namespace

double evaluate_row(RowFunction function, Row row, size_t y) {
  const auto value = [&] {
    switch (function) {
      case RowFunction::loss:
        return loss(row, y);
      case RowFunction::confidence:
        return confidence(row, y);
      case RowFunction::max_probability:
        return max_probability(row);
      case RowFunction::rescaled_logit:
        return rescaled_logit(row, y);
      case RowFunction::margin:
        return row[y] - max_without(row, y);
      case RowFunction::entropy:
        return entropy(row);
      case RowFunction::modified_entropy:
        return modified_entropy(row, y);
      case RowFunction::correctness:
        return argmax(row) == y ? 1.0 : 0.0;
      case RowFunction::spread:
        return spread(row);
      case RowFunction::taylor_confidence:
        break;
    }
    return taylor_confidence(row, y);
  }();
  // A difference of two finite doubles may overflow; the largest double keeps its order.
  if (std::isinf(value)) return std::copysign(std::numeric_limits<double>::max(), value);
  return value;
}

}  // namespace miaudit
