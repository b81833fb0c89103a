#pragma once

#include <cstdint>
#include <optional>

#include "miaudit/audit/result.h"
#include "miaudit/base/context.h"
#include "miaudit/data/records.h"

namespace miaudit {

/// Non-members whose stored outputs and label equal some member's, byte for byte. Rows in which one class takes all
/// (probability within 1e-6 of 1) do not count: saturation makes strangers equal.
uint64_t count_duplicates(const Records& records, const Context& context);

/// p-value of the chi-squared test that members and non-members have one mix of classes; empty without labels. Of each
/// group the first known record counts: others of one person are of one class too often.
std::optional<double> class_balance_p(const Records& records);

/// How often the first query's largest output is the label's, in 100 000 records at most; empty without labels or
/// outputs.
std::optional<LabelFit> label_fit(const Records& records);
/// Whether labels may as well be those of other records: right no more often than by chance, one-sided at 5 %.
bool is_unfit(const LabelFit& fit);

}  // namespace miaudit
