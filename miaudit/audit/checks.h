#pragma once

#include <span>

#include "miaudit/audit/measure.h"
#include "miaudit/audit/result.h"
#include "miaudit/base/context.h"
#include "miaudit/data/records.h"

namespace miaudit {

/// Checks of the audit itself on the scores of its strongest attack; duplicates and classes are those of `records`, of
/// the first target. `seed` fixes the permutation and the planted leak.
SelfChecks check_audit(const Records& records, const ScoredRecords& scored, uint64_t seed, const Context& context);

/// What the checks found, in words.
void add_check_warnings(const SelfChecks& checks, std::vector<Notice>& warnings);

/// How many non-members an estimate at this FPR, in (0, 1), takes; and whether so many do.
uint64_t nonmembers_for(double fpr);
bool are_too_few(uint64_t nonmembers, double fpr);
/// Says of each FPR whether the non-members are too few for an estimate there.
void warn_of_few_nonmembers(uint64_t nonmembers, std::span<const double> fprs, std::vector<Notice>& warnings);
/// `mixed`: groups without a group-level score (GroupScores::mixed).
void warn_of_mixed_groups(uint64_t mixed, std::vector<Notice>& warnings);
/// Scores that surely run the wrong way say that something was taken for something else. `names`: whose AUC's interval
/// lies below 0.5. `check`: what the person can look at beside swapped membership.
void warn_of_inversion(const std::vector<std::string>& names, std::string_view check, std::vector<Notice>& warnings);
/// Which bootstrap made intervals of the result, if any did (AuditResult::interval_method); says so where one of so
/// many replicates was asked for and none is by one.
void note_intervals(uint32_t replicates, AuditResult& result);

}  // namespace miaudit
