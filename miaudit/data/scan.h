#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "miaudit/base/context.h"
#include "miaudit/data/outputs.h"

namespace miaudit {

/// What one pass over a part's values tells.
struct ScanResult {
  std::vector<uint64_t> nonfinite_records;  ///< In order.
  uint64_t first_nonfinite_query = 0;       ///< Where in its record the first offending value stands.
  uint64_t first_nonfinite_column = 0;
  uint64_t nan = 0;              ///< Values that are NaN …
  uint64_t infinite = 0;         ///< … or infinite.
  bool in_unit_interval = true;  ///< Every finite row's values lie in [0, 1] …
  bool sums_to_one = true;       ///< … and its sum within 1e-3 of 1 (one column: no sum asked).
  bool exponentials_sum_to_one =
      true;  ///< Every finite row's values are <= 0, their exponentials' sum within 1e-3 of 1.
};

/// values: [samples][queries][columns].
ScanResult scan_outputs(const OutputsPart& part, const Context& context);

}  // namespace miaudit
