#pragma once

#include "miaudit/audit/result.h"

namespace miaudit {

/// The strongest figures among single attacks, each measured at the corrected level.
Headline strongest_of(const std::vector<std::string>& names, const std::vector<Metrics>& corrected);

/// Sets finding and verdict from the headline.
void conclude(AuditResult& result);

}  // namespace miaudit
