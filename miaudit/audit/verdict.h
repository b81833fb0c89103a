#pragma once

#include "miaudit/audit/result.h"

namespace miaudit {

/// The strongest figures among single attacks, each measured at the corrected level.
/// The figures of an attack that was chosen before any was run, so that none of the others corrects it.
Headline headline_of(const std::string& name, const Metrics& metrics, size_t tried);
Headline strongest_of(const std::vector<std::string>& names, const std::vector<Metrics>& corrected);

/// Sets finding and verdict from the headline.
void conclude(AuditResult& result);

}  // namespace miaudit
