#pragma once

#include <optional>
#include <span>

#include "miaudit/audit/plan.h"
#include "miaudit/audit/result.h"
#include "miaudit/base/context.h"
#include "miaudit/metric/roc.h"

namespace miaudit {

/// Scores with their truth: one of each a record; `groups` may be empty.
struct ScoredRecords {
  std::span<const double> scores;
  std::span<const int8_t> membership;  ///< 1 member, 0 non-member, −1 unknown
  std::span<const int64_t> groups;     ///< As GroupedScores::groups.
  double worth = 1;     ///< How many independent records each counts for in an interval (AttackRow::effective_share).
  size_t crossing = 0;  ///< Where groups are of whole models: records of each model (GroupedScores::records).
  /// Of several models' scores, one model's after the other: whose each record of a model is, or empty.
  std::span<const int64_t> people = {};
};

/// Throws Error(config) for a level, FPR or prior out of range, or an FPR given twice.
void check_measure(const MeasureOptions& options);

/// Every figure of methods.md §5 with its interval. With groups, intervals allow for records of one group being alike.
Metrics measure(const ScoredRecords& records, const MeasureOptions& options, const Context& context);

/// The ROC curve's outline, at most so many points.
std::vector<CurvePoint> outline_of(const SortedScores& sorted, size_t points);

/// The same at the options' level and, for `tries` attacks at once, at the Bonferroni-corrected one.
struct CorrectedMetrics {
  Metrics single;
  Metrics corrected;  ///< Without curve or precision.
};
CorrectedMetrics measure_corrected(const ScoredRecords& records, const MeasureOptions& options, size_t tries,
                                   const Context& context);

/// One score a group (of several models: a person under one of them), the mean over its records, and the group's
/// membership, −1 where it holds members and non-members, or unknown records beside known ones (`mixed` counts these)
/// or unknown ones alone.
struct GroupScores {
  std::vector<double> scores;
  std::vector<int8_t> membership;
  size_t known = 0;  ///< Groups with a record of known membership.
  size_t mixed = 0;
};
GroupScores group_scores(const ScoredRecords& records);

/// Figures of group_scores(), where there are groups of both sides.
struct GroupMetrics {
  std::optional<Metrics> metrics;
  size_t groups = 0;
  size_t mixed = 0;
};
GroupMetrics measure_groups(const ScoredRecords& records, const MeasureOptions& options, const Context& context);

/// A result of somebody's scores: one attack, `scores`. Warns of what audit() warns of, as far as scores show it.
AuditResult measure_scores(const ScoredRecords& records, const MeasureOptions& options, const Context& context);

}  // namespace miaudit
