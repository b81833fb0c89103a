#pragma once

#include <span>

#include "miaudit/audit/measure.h"
#include "miaudit/audit/result.h"
#include "miaudit/base/context.h"

namespace miaudit {

/// AUC in each class that holds members and non-members, intervals at a level corrected for their number (Bonferroni);
/// empty without labels. By group-aware intervals where the records have groups. labels: one a
/// record of a model.
std::vector<Slice> slice_by_class(const ScoredRecords& records, std::span<const int32_t> labels, size_t classes,
                                  double level, const Context& context);

}  // namespace miaudit
