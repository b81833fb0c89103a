#include "miaudit/attack/reference_scores.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace miaudit {
namespace {

/// Below this a mean of confidences may have lost digits to denormals, or all of them.
constexpr double kSmallestExact = 1e-290;

/// log mean e^{−loss} over the models on `side` of one value.
double log_mean_from_losses(const SidedValues& losses, size_t k, int8_t side) {
  const size_t sample = k / losses.queries;
  double least = INFINITY;
  for (size_t m = 0; m < losses.values.size(); ++m)
    if (losses.sides[m][sample] == side) least = std::min(least, losses.values[m][k]);
  double sum = 0;
  double count = 0;
  for (size_t m = 0; m < losses.values.size(); ++m) {
    if (losses.sides[m][sample] != side) continue;
    sum += std::exp(least - losses.values[m][k]);
    ++count;
  }
  return std::log(sum / count) - least;
}

}  // namespace

SideTotals totals_of(const SideMoments& moments, const Evidence& evidence, std::string_view side) {
  const size_t queries = moments.mean.size() / evidence.samples;
  const auto each = [&](const auto& add) {
    for (size_t k = 0; k < moments.mean.size(); ++k)
      if ((evidence.audited.empty() || evidence.audited[k / queries]) && !std::isnan(moments.mean[k])) add(k);
  };
  double count = 0;
  SideTotals totals;
  each([&](size_t k) {
    ++count;
    totals.mean += moments.mean[k];
    totals.within += moments.variance[k];
  });
  if (count == 0)
    fail(
        Category::numeric,
        "no record has a reference model on the {} side that may be used; it takes models whose training sets overlap, "
        "as the design pairs makes them",
        side);
  totals.mean /= count;
  totals.within /= count;
  each([&](size_t k) { totals.variance += (moments.mean[k] - totals.mean) * (moments.mean[k] - totals.mean); });
  totals.variance = totals.variance / count + totals.within;
  return totals;
}

double log_mean_of_two(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return NAN;  // one side alone is not a mean of both
  const double larger = std::max(a, b);
  return larger + std::log1p(std::exp(std::min(a, b) - larger)) - std::log(2.0);
}

LogMeans log_mean_confidences(ReferenceSource& references, const Context& context) {
  const Moments& moments = references.moments("confidence");
  LogMeans logs{moments.in.mean, moments.out.mean};
  std::optional<SidedValues> losses;  // only where a mean underflows
  for (const auto* side : {&logs.in, &logs.out})
    if (!losses && std::ranges::any_of(*side, [](double mean) { return mean < kSmallestExact; }))
      losses = references.values("loss");
  parallel_blocks(logs.out.size(), 1 << 13, context, [&](size_t begin, size_t end) {
    for (size_t k = begin; k < end; ++k) {
      logs.in[k] = logs.in[k] < kSmallestExact ? log_mean_from_losses(*losses, k, 1) : std::log(logs.in[k]);
      logs.out[k] = logs.out[k] < kSmallestExact ? log_mean_from_losses(*losses, k, 0) : std::log(logs.out[k]);
    }
  });
  return logs;
}

}  // namespace miaudit
