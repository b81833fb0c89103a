#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "miaudit/attack/attack.h"
#include "miaudit/audit/measure.h"
#include "miaudit/audit/plan.h"
#include "miaudit/audit/result.h"
#include "miaudit/audit/score.h"
#include "miaudit/base/context.h"

namespace miaudit {

/// One model whose training set is guessed at.
struct Target {
  size_t model = 0;
  std::span<const int8_t> membership;
};

struct Trial;

/// Why an attack could not score some targets, by their places.
using Shortages = std::map<size_t, std::string>;

/// One attack's scores for every target, and the truth of those that have one.
struct TargetScores {
  std::vector<double> scores;
  std::vector<int8_t> without_unscored;  ///< The truth, −1 for records without a score; empty where all have one.
  uint64_t unscored = 0;
  Shortages shortages;
  /// What an attack that tunes its parameters chose, over all targets.
  std::map<std::string, std::set<std::string>> tuned;
  std::span<const int8_t> membership(const Trial& trial) const;
};

/// Everything that attacks and measures work on: the records of each target, one target after the other.
struct Trial {
  std::vector<Target> targets;
  /// What attacks may see of a target, for as long as the handle lives: that of many at once would fill the memory.
  std::function<std::shared_ptr<const Evidence>(size_t target)> evidence;
  /// Folds of the targets, by places in `targets`, and who teaches a fold's attack that learns.
  std::vector<std::vector<size_t>> target_folds;
  std::function<std::unique_ptr<Teachers>(std::span<const size_t> targets)> teachers;
  std::span<const int8_t> membership;
  std::span<const int64_t> groups;  ///< Whose records are alike: each one's person, or each target's family of models.
  size_t crossing = 0;              ///< With families: records of a target, which are alike under all of them.
  std::span<const int32_t> labels;  ///< of one target's records, or empty
  std::span<const int64_t> people;  ///< of one target's records, or empty
  std::function<void()> forget;     ///< Gives back what the last attack's signals took.
  size_t together = 1;              ///< How many targets in a row a thread had better take.
  size_t at_once = SIZE_MAX;        ///< How many targets may be scored at the same time.
  /// An attack's scores and shortages that need not be computed, where there are any.
  std::function<std::optional<TargetScores>(const AttackRow&)> stored = {};
};

/// Scores of all targets, with what is alike in them.
inline ScoredRecords scored_records(const Trial& trial, std::span<const double> scores,
                                    std::span<const int8_t> membership, double worth) {
  const bool are_several = trial.targets.size() > 1;
  return {scores, membership,     trial.groups,
          worth,  trial.crossing, are_several ? trial.people : std::span<const int64_t>()};
}

inline std::span<const int8_t> TargetScores::membership(const Trial& trial) const {
  return without_unscored.empty() ? trial.membership : without_unscored;
}

bool is_wanted(const AuditPlan& plan, std::string_view attack);
/// Whether an attack is wanted that does.
bool needs_references(const AuditPlan& plan);
Parameters parameters_of(const AttackRow& attack, const AttackParameters& given);

/// As many folds as asked for, fewer where either side is too small to be in each.
int count_folds(const Target& target, std::span<const int64_t> people, const AuditPlan& plan);
Folds folds_of(const Target& target, const Trial& trial, const AuditPlan& plan);

/// What a target has too few of for an attack; "" where it has enough. folds: of its records.
std::string shortage_of(const AttackRow& attack, const Evidence& evidence, int folds);
/// Why an attack can run against no target; "" where it can against one.
std::string obstacle(const AttackRow& attack, const Trial& trial, const AuditPlan& plan);

/// Runs an attack against every target. Throws Error(numeric) where the records let it score none.
TargetScores score_targets(const AttackRow& attack, const AuditPlan& plan, const Trial& trial, const Context& context);

/// Each target's own figures. scores: NaN only where `membership` is −1.
std::vector<TargetFigures> figures_by_target(const Trial& trial, std::span<const double> scores,
                                             std::span<const int8_t> membership, double worth,
                                             const MeasureOptions& options, const Context& context);

}  // namespace miaudit
