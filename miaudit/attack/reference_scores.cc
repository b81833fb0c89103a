#include "miaudit/attack/reference_scores.h"

#include <algorithm>
#include <cmath>

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

std::vector<double> fit_totals(const Evidence& evidence, std::string_view signal, std::initializer_list<int8_t> sides) {
  const Moments& moments = evidence.references->moments(signal);
  std::vector<double> fitted;
  for (const int8_t side : sides) {
    const SideTotals totals =
        side == 1 ? totals_of(moments.in, evidence, "IN") : totals_of(moments.out, evidence, "OUT");
    fitted.insert(fitted.end(), {totals.mean, totals.variance, totals.within});
  }
  return fitted;
}

SideTotals totals_at(std::span<const double> fitted, size_t place) {
  return {fitted[3 * place], fitted[3 * place + 1], fitted[3 * place + 2]};
}

LogMeanConfidences::LogMeanConfidences(ReferenceSource& references) : moments_(references.means("confidence")) {
  for (const SideMoments* side : {&moments_.in, &moments_.out})
    if (!losses_ && std::ranges::any_of(side->mean, [](double mean) { return mean < kSmallestExact; }))
      losses_ = references.values("loss");
}

double LogMeanConfidences::of_side(double mean, size_t k, int8_t side) const {
  return mean < kSmallestExact ? log_mean_from_losses(*losses_, k, side) : std::log(mean);
}

double LogMeanConfidences::both(size_t k) const {
  const double in_mean = moments_.in.mean[k], out_mean = moments_.out.mean[k];
  if (std::isnan(in_mean) || std::isnan(out_mean)) return NAN;  // one side alone is not a mean of both
  if (std::min(in_mean, out_mean) >= kSmallestExact) return std::log(0.5 * (in_mean + out_mean));
  const double in_log = in(k), out_log = out(k);
  const double larger = std::max(in_log, out_log);
  return larger + std::log1p(std::exp(std::min(in_log, out_log) - larger)) - std::log(2.0);
}

}  // namespace miaudit
