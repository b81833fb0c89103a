#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "miaudit/base/context.h"
#include "miaudit/data/outputs.h"

namespace miaudit {

/// Records that are not of some kind: how many, and the first of them.
struct Misfits {
  uint64_t count = 0;
  uint64_t first = 0;

  void add(uint64_t record) {
    if (count++ == 0) first = record;
  }
  /// Those of the records that follow.
  void join(const Misfits& next) {
    if (count == 0) first = next.first;
    count += next.count;
  }
};

/// What one pass over a part's values tells.
struct ScanResult {
  std::vector<uint64_t> nonfinite_records;  ///< In order.
  uint64_t first_nonfinite_query = 0;       ///< Where in its record the first offending value stands.
  uint64_t first_nonfinite_column = 0;
  uint64_t nan = 0;       ///< Values that are NaN …
  uint64_t infinite = 0;  ///< … or infinite, or beyond what float32 holds.
  /// Of the records whose values are all finite:
  uint64_t finite_records = 0;
  Misfits outside_unit_interval;  ///< a value is not in [0, 1];
  Misfits not_probabilities;      ///< that, or a sum is not within 1e-3 of 1 (one column: no sum asked);
  Misfits not_summing_to_one;     ///< a sum is not within 1e-3 of 1, wherever the values lie (one column: none is);
  Misfits not_rounded;            ///< a value is not in [0, 1], or a sum is further from 1 than rounding_tolerance();
  double largest_off = 0;         ///< How far a sum is from 1 at most, of records with all values in [0, 1].
  uint64_t certain = 0;     ///< How many records' values reach 1 and no further: as probabilities they leave no doubt.
  Misfits not_percentages;  ///< a value is negative, or a sum is further from 100 than rounding explains.
  Misfits not_log_probabilities;  ///< a value is above 0, or the exponentials' sum is not within 1e-3 of 1.
};

/// How far from 1 probabilities may sum that were rounded to two decimals: half a hundredth a column, a tenth at most.
double rounding_tolerance(size_t columns);

/// values: [samples][queries][columns].
ScanResult scan_outputs(const OutputsPart& part, const Context& context);

}  // namespace miaudit
