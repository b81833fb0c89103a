#pragma once

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

/// The records' variance over their models on a side says nothing below this many.
inline constexpr size_t kFewestForVariance = 2;

/// log of the mean confidence over a record's models on each side, [samples][queries]; NaN where there are none. Exact
/// where confidences underflow.
struct LogMeans {
  std::vector<double> in;
  std::vector<double> out;
};
LogMeans log_mean_confidences(ReferenceSource& references, const Context& context);

/// log(½(e^a + e^b)).
double log_mean_of_two(double a, double b);

}  // namespace miaudit
