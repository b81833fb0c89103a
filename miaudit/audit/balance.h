#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace miaudit {

/// On which side of each record each reference model stands, after the cut that makes counts alike.
struct Sides {
  std::vector<const int8_t*> rows;            ///< [references] → [records of the range]: 1 IN, 0 OUT, −1 not used
  size_t models_in = 0;                       ///< of every record that has any; 0 where IN models are not kept
  size_t models_out = 0;                      ///< of every record that has any
  std::vector<int8_t> cut;                    ///< What rows point into where something was cut.
  std::vector<double> in_counts, out_counts;  ///< [records of the range]: models left on either side
};

/// How many of the models stand on either side of each record.
struct SideCounts {
  std::vector<uint32_t> in;
  std::vector<uint32_t> out;
};
SideCounts count_sides(std::span<const std::span<const int8_t>> membership, size_t records);

/// The pairing rule (methods.md §3): whoever sees how many models trained on a record, or anything that the number
/// changes, learns of the target's training set, where splits depend on each other. So every audited record keeps, at
/// random, as many IN models as every other, and as many OUT models as every other: as many as 95 in 100 of those that
/// have any on the side can keep; the rest have none there. A side that less than a tenth of the records have is not
/// used. Nor are IN models where training sets share next to nothing, since one would prove a non-member, and where
/// fewer than half of the records have both sides; nor OUT models where what training sets leave out shares next to
/// nothing (one round of folds), since one would prove a member. (Of more than 100 sets none of which has 1 % of the
/// records, neither is seen, and one model proves as little.) membership: [references] → [records] of 1, 0, −1.
/// Records that are not audited keep all. A single model stays as it is. counts: those of `membership`. first, end: of
/// the records that sides are asked of, where not all; they stand as they would among all. Deterministic in the seed.
/// O(records) where nothing is to be cut, else O(references · records of the range) beside it.
Sides balance(std::span<const std::span<const int8_t>> membership, const SideCounts& counts,
              std::span<const uint8_t> audited, uint64_t seed, size_t first = 0, size_t end = SIZE_MAX);

}  // namespace miaudit
