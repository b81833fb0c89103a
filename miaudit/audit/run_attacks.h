#pragma once

#include <vector>

#include "miaudit/audit/audit.h"
#include "miaudit/audit/trial.h"

namespace miaudit {

/// Which attacks ran, and the scores of the headline's.
struct Performed {
  std::vector<const AttackRow*> attacks;
  std::vector<double> seconds;  ///< To score all targets, of each of them.
  size_t headline = 0;          ///< Its place among them.
  std::vector<double> scores;
  std::vector<int8_t> membership;
  double worth = 1;
};

/// Runs and measures every attack that can be, names the headline and warns of what was left out. Throws Error(input)
/// where none can run.
Performed run_attacks(const Trial& trial, const AuditPlan& plan, const Context& context, const ScoreSink& sink,
                      AuditResult& result);

}  // namespace miaudit
