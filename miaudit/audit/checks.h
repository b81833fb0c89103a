#pragma once

#include <span>

#include "miaudit/audit/result.h"
#include "miaudit/base/context.h"
#include "miaudit/data/records.h"

namespace miaudit {

/// Checks of the audit itself on the scores of its strongest attack. `seed` fixes the permutation and the planted leak.
SelfChecks check_audit(const Records& records, std::span<const double> scores, uint64_t seed, const Context& context);

/// Non-members whose stored outputs and label equal some member's, byte for byte. Rows in which one class takes all
/// (probability within 1e-6 of 1) do not count: saturation makes strangers equal.
uint64_t count_duplicates(const Records& records, const Context& context);

/// p-value of the chi-squared test that members and non-members have one mix of classes; empty without labels.
std::optional<double> class_balance_p(const Records& records);

/// What the checks found, in words.
void add_check_warnings(const SelfChecks& checks, std::vector<Notice>& warnings);

}  // namespace miaudit
