#pragma once

#include <string>

#include "miaudit/audit/measure.h"
#include "miaudit/audit/result.h"
#include "miaudit/audit/trial.h"

namespace miaudit {

/// Which records the headline's attack finds, and how often, at its thresholds for the asked FPRs; with several targets
/// also what a threshold for each record would find. scored: the attack's, one target after the other. Empty where no
/// FPR has an estimate and there is but one target.
std::optional<Exposure> exposure_of(const AttackResult& attack, const ScoredRecords& scored, const Trial& trial,
                                    const MeasureOptions& options, const Context& context);

}  // namespace miaudit
