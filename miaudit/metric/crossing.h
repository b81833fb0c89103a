#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "miaudit/base/context.h"

namespace miaudit {

/// Records that are looked at together, or passed over (Crossing::stride).
constexpr size_t kCrossingRun = 64;

/// Scores of the same records under several models, [models][records]: what is peculiar to a record shows under every
/// model, so that records (or the persons whose they are) are groups as well, which cross those of the models.
struct Crossing {
  std::span<const double> scores;
  std::span<const int8_t> membership;  ///< 1, 0, −1 = left out
  size_t records = 0;                  ///< of a model; 0: nothing crosses
  std::vector<uint8_t> models;         ///< 1 for each model that counts
  std::vector<uint32_t> person_of;     ///< [records], from 0 on; empty: each record is somebody else's
  /// Of very many scores one in so many runs of 64 records is looked at, spread evenly: enough to tell what records
  /// share.
  /// 1 where there are persons, of whom all is looked at.
  size_t stride = 1;

  bool is_there() const { return records > 0; }
};

/// A stride that leaves about a million scores a side.
size_t crossing_stride(size_t scores);

/// Of one side (`which` 1 or 0), for each record that is looked at, or each person: how many of its scores, over all
/// models, stand there.
std::vector<uint32_t> crossing_counts(const Crossing& crossing, int8_t which);
/// … and how many of these are >= threshold (> threshold if `strict`).
std::vector<uint32_t> crossing_counts_past(const Crossing& crossing, int8_t which, double threshold, bool strict);
/// … and the sum of its placements among `others` (ascending), each less `mean`: the share below, ties one half, or
/// with towards −1 the share above; and the squares of all of these. A placement is told within 1/8192 where there are
/// more than 4096 others.
struct CrossingPlacements {
  std::vector<double> sums;
  double squares = 0;
};
CrossingPlacements crossing_placements(const Crossing& crossing, int8_t which, const std::vector<double>& others,
                                       double towards, double mean, const Context& context);

}  // namespace miaudit
