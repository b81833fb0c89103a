#pragma once

#include <initializer_list>
#include <optional>

#include "miaudit/attack/attack.h"
#include "miaudit/base/parallel.h"

namespace miaudit {

/// Each record's mean over queries of value(k), k = record · queries + query.
template <class Value>
std::vector<double> mean_of(size_t samples, size_t queries, const Context& context, const Value& value) {
  std::vector<double> means(samples);
  parallel_blocks(samples, 1 << 12, context, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      double sum = 0;
      for (size_t k = i * queries; k < (i + 1) * queries; ++k) sum += value(k);
      means[i] = sum / static_cast<double>(queries);
    }
  });
  return means;
}

/// All values of one side, of all audited records and models: what priors and pooled variances are made of.
struct SideTotals {
  double mean = 0;
  double variance = 0;  ///< about `mean`
  double within = 0;    ///< about each record's own mean
};
/// Throws Error(numeric) where no audited record has a model on this side. `side` names it in the message.
SideTotals totals_of(const SideMoments& moments, const Evidence& evidence, std::string_view side);

/// SideTotals of a signal on some sides (1 IN, 0 OUT), one after the other, as what an attack's fit found.
std::vector<double> fit_totals(const Evidence& evidence, std::string_view signal, std::initializer_list<int8_t> sides);
/// The `place`-th of them.
SideTotals totals_at(std::span<const double> fitted, size_t place);
/// Where nothing follows from all records at once.
inline std::vector<double> fit_nothing(const Evidence&, const Parameters&, const Context&) {
  return {};
}

/// The records' variance over their models on a side says nothing below this many.
inline constexpr size_t kFewestForVariance = 2;

/// log of the mean confidence over a record's models, k = record · queries + query; NaN where there are none. Exact
/// where confidences underflow. Holds the references' moments: good until they are asked for another signal's.
class LogMeanConfidences {
 public:
  explicit LogMeanConfidences(ReferenceSource& references);

  double in(size_t k) const { return of_side(moments_.in.mean[k], k, 1); }
  double out(size_t k) const { return of_side(moments_.out.mean[k], k, 0); }
  /// Of the mean of both sides' means, and NaN where one is missing.
  double both(size_t k) const;

 private:
  double of_side(double mean, size_t k, int8_t side) const;

  const Moments& moments_;
  std::optional<SidedValues> losses_;  ///< only where a mean underflows
};

}  // namespace miaudit
