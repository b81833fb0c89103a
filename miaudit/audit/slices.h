#pragma once

#include <span>

#include "miaudit/audit/result.h"
#include "miaudit/base/context.h"
#include "miaudit/data/records.h"

namespace miaudit {

/// AUC in each class that holds members and non-members, intervals at a level corrected for their number (Bonferroni);
/// empty without labels. By group-aware intervals where the records have groups. worth: as SortedScores::worth.
std::vector<Slice> slice_by_class(const Records& records, std::span<const double> scores, double worth, double level,
                                  const Context& context);

}  // namespace miaudit
