#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "miaudit/io/array.h"

namespace miaudit {

/// What a model's output values are.
enum class OutputForm { logits, probabilities, log_probabilities };
std::string_view form_name(OutputForm form);

/// No output or signal may be further from 0: squares of such, and sums of these, cannot be told apart.
inline constexpr double kLargestOutput = std::numeric_limits<float>::max();

/// Model outputs for consecutive records, from one file: [samples][queries][columns], float16/32/64, row-major.
/// A query is one augmentation of the record; query j is the same augmentation for every record and model.
struct OutputsPart {
  Array values;
  std::string source;               ///< The file, for messages.
  std::vector<uint64_t> rows = {};  ///< The file's row of each sample; empty when none was dropped.
  size_t samples() const { return values.shape()[0]; }
  uint64_t row(size_t sample) const { return rows.empty() ? sample : rows[sample]; }
};

/// Says that samples [begin, end) have been read: where the file is held passing, they need no memory until they are
/// next.
void let_pass(const OutputsPart& part, size_t begin, size_t end);
/// How many samples are about a MB.
size_t samples_of_a_block(const OutputsPart& part);

/// One model's outputs for all audited records: the parts in order, as if they were one array. Binary models may have a
/// single column (of the positive class's probability or logit); `classes` is then 2 and `columns` 1. Of a model that
/// brings signals in their place `columns` is 0 and there are no parts.
struct Outputs {
  std::vector<OutputsPart> parts;
  size_t samples = 0;
  size_t queries = 0;
  size_t columns = 0;
  size_t classes = 0;
  OutputForm form = OutputForm::logits;
};

/// Throws as check_unchanged(owner) does.
void check_unchanged(const Outputs& outputs);

/// Rows with a value that is NaN or further from 0 than kLargestOutput.
/// never_drop: as refuse, where the record cannot be left out: other models have it, or an answer is owed for it.
enum class OnNonfinite { refuse, drop, never_drop };

}  // namespace miaudit
