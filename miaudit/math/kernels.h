#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace miaudit {

/// Functions of one row of logits z (or natural logs of probabilities, up to a constant) and its true class y.
enum class RowFunction {
  loss,               ///< logsumexp(z) − z_y
  confidence,         ///< exp(−loss)
  max_probability,    ///< max_k softmax(z)_k
  rescaled_logit,     ///< z_y − logsumexp_{k≠y} z_k
  margin,             ///< z_y − max_{k≠y} z_k
  entropy,            ///< −Σ p log p
  modified_entropy,   ///< −(1−p_y) log p_y − Σ_{k≠y} p_k log(1−p_k)
  correctness,        ///< 1 where the first maximum is at y, else 0
  spread,             ///< mean_k (1 − (z_k − min)/(max − min)), summed in NumPy's order
  taylor_confidence,  ///< soft-margin Taylor softmax, order 4, temperature 2, margin 0.6
};

enum class RowType { float16, float32, float64 };

/// Consecutive rows, row-major, as they are stored.
struct RowBlock {
  const void* values = nullptr;
  RowType type = RowType::float32;
  size_t rows = 0;
  size_t columns = 0;
  /// Where above 0, the values are probabilities: each is replaced by log(max(value, floor)).
  double floor = 0;
  /// The true class of row r is labels[r / rows_per_label]; may be null for functions that have no y.
  const int32_t* labels = nullptr;
  size_t rows_per_label = 1;
};

enum class RowOutcome {
  settled,
  some_left,  ///< NaN or an infinity in `out` marks rows that need the scalar formula.
  bad_label,  ///< A label outside 0 … columns−1; `out` is not to be used.
};

/// out[rows] of one function by the widest vectors that this machine has, a row a lane. Values must be finite; columns
/// >= 2. Left to the scalar formula are a constant row or an extreme range (spread), an overflow, exponentials that
/// vanish (a gap above 660 or so). A row's value does not depend on the rows beside it. correctness, spread, and margin
/// without a floor equal the scalar formulas bit for bit; the others agree to 2e-14 of the value (the rescaled logit,
/// a difference, of 1), because exp and log are polynomials and multiply-add is fused where the machine can. One
/// thread; reads the block once, and takes 192 bytes of memory for each column.
RowOutcome evaluate_rows(RowFunction function, const RowBlock& block, double* out);

/// Name of the instruction set that evaluate_rows uses here.
std::string vector_target();

}  // namespace miaudit
