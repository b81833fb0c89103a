#pragma once

#include <span>

#include "miaudit/data/outputs.h"

namespace miaudit {

/// What a signal sees of a row.
enum class RowView {
  given,  ///< The stored values.
  logs,   ///< Logits, or natural logs of probabilities with 0 counted as the smallest positive number of the stored
          ///< type.
};

/// The smallest positive number of a floating type.
double smallest_positive(ElementType type);

/// Rows [first, first + out.size()/classes) of a part as doubles, [rows][classes]. A binary model's single column
/// becomes two classes: probability p → (1 − p, p); logit z → (0, z), log-probability l → (log(1 − e^l), l).
void read_rows(const Outputs& outputs, const OutputsPart& part, size_t first, RowView view, std::span<double> out);

}  // namespace miaudit
