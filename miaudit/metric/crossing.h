#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "miaudit/base/context.h"

namespace miaudit {

/// Scores of the same records under several models, [models][records]: what is peculiar to a record shows under every
/// model, so that records are groups as well, which cross those of the models.
struct Crossing {
  std::span<const double> scores;
  std::span<const int8_t> membership;  ///< 1, 0, −1 = left out
  size_t records = 0;                  ///< of a model; 0: nothing crosses
  std::vector<uint8_t> models;         ///< 1 for each model that counts

  bool is_there() const { return records > 0; }
};

/// Of one side (`which` 1 or 0), for each record: under how many models it stands there.
std::vector<uint32_t> crossing_counts(const Crossing& crossing, int8_t which);
/// … and under how many of these its score is >= threshold (> threshold if `strict`).
std::vector<uint32_t> crossing_counts_past(const Crossing& crossing, int8_t which, double threshold, bool strict);
/// … and the sum of its placements among `others` (ascending): the share below, ties one half, or with towards −1 the
/// share above, each less `mean`. A placement is told within 1/8192 where there are more than 4096 others.
std::vector<double> crossing_placements(const Crossing& crossing, int8_t which, const std::vector<double>& others,
                                        double towards, double mean, const Context& context);

}  // namespace miaudit
