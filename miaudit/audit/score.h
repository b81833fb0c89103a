#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "miaudit/attack/attack.h"
#include "miaudit/base/context.h"

namespace miaudit {

/// A fold of each record and how many there are.
struct Folds {
  int count = 0;
  std::vector<uint8_t> of;
};

/// Folds of records by group where there are groups, else spread evenly over membership and label.
Folds make_folds(std::span<const int32_t> labels, std::span<const int8_t> membership, std::span<const int64_t> groups,
                 int count, uint64_t seed);

/// Records of every fold but `held_out` whose membership is known, and that membership; and the population, which is
/// known to be in no training set.
struct Knowledge {
  std::vector<uint32_t> records;
  std::vector<uint8_t> membership;
  KnownRecords view() const { return {records, membership}; }
};
Knowledge knowledge_without(const Folds& folds, int held_out, std::span<const int8_t> membership,
                            std::span<const uint32_t> population = {});

/// Throws Error(numeric) for scores that are infinite, or NaN where the attack may lack nothing.
void check_scores(const AttackRow& attack, std::span<const double> scores);

/// The one place where truth meets attacks: a calibrating one gets that of the other folds, others none.
std::vector<double> score_records(const AttackRow& attack, const Evidence& evidence, const Parameters& parameters,
                                  const Folds& folds, std::span<const int8_t> membership, const Context& context);

}  // namespace miaudit
