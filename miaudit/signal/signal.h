#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "miaudit/base/context.h"
#include "miaudit/data/outputs.h"
#include "miaudit/data/signals.h"

namespace miaudit {

/// One row of the table of signals.
struct SignalRow {
  std::string_view name;
  std::string_view summary;  ///< A sentence: formula and reading.
  bool needs_labels;
  std::string_view source;  ///< Citation.
  double least;             ///< No value is below this …
  double most;              ///< … or above that.
};
/// Every signal, in the order in which they are listed.
std::span<const SignalRow> signal_table();
const SignalRow& find_signal(std::string_view name);  ///< Throws Error(config), naming the nearest.

/// Scalar code is the truth; `best` uses the widest vectors that the machine has and agrees with it to 2e-14 of the
/// value.
enum class Kernels { best, scalar };

/// out[samples·queries] of one signal for records [0, samples). labels: one a record, 0 … classes−1, or empty where the
/// signal needs none. All arithmetic is in double, from the stored values. Zero probabilities count as the smallest
/// positive number of their stored type, so every result is finite. Throws Error(internal) on lengths that disagree,
/// Error(numeric) for `spread` on a constant row (names the row). Cost: one read of the outputs.
void compute_signal(const SignalRow& signal, const Outputs& outputs, std::span<const int32_t> labels,
                    std::span<double> out, const Context& context, Kernels kernels = Kernels::best);

/// Softmax of each record's rows averaged over queries, out [records][classes].
void compute_probabilities(const Outputs& outputs, std::span<const uint32_t> records, MatrixView<float> out,
                           const Context& context);

/// Name of the instruction set that Kernels::best uses here: "AVX3_ZEN4", "AVX2", …
std::string kernel_target();

}  // namespace miaudit
