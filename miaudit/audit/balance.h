#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace miaudit {

/// On which side of each record each reference model stands, after the cut that makes counts alike.
struct Sides {
  std::vector<const int8_t*> rows;  ///< [references] → [records]: 1 IN, 0 OUT, −1 not used
  size_t per_side = 0;              ///< OUT models of every record that has any; as many IN, if has_in
  bool has_in = false;
  std::vector<int8_t> cut;                    ///< What rows point into where something was cut.
  std::vector<double> in_counts, out_counts;  ///< [records]: models left on either side
};

/// How many of the models stand on either side of each record.
struct SideCounts {
  std::vector<uint32_t> in;
  std::vector<uint32_t> out;
};
SideCounts count_sides(std::span<const std::span<const int8_t>> membership, size_t records);

/// The pairing rule (methods.md §3): whoever sees how many models trained on a record, or anything that the number
/// changes, learns of the target's training set, where splits depend on each other. So every audited record keeps as
/// many IN as OUT models, at random, and as many as every other. Where 99 in 100 records can keep c and no more, the
/// rest have no models on either side that they lack. Without IN models, or in a disjoint design, where an IN model
/// would prove a non-member, only OUT models are kept. membership: [references] → [records] of 1, 0, −1. Records that
/// are not audited keep all. A single model, from which only attacks that learn from its outputs can take anything, is
/// left as it is, with per_side 0. counts: those of `membership`. Deterministic in (seed, stream). O(records) where
/// nothing is to be cut, else O(references · records).
Sides balance(std::span<const std::span<const int8_t>> membership, const SideCounts& counts,
              std::span<const uint8_t> audited, uint64_t seed, uint64_t stream);

}  // namespace miaudit
