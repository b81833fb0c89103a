#pragma once

#include "miaudit/audit/plan.h"
#include "miaudit/audit/result.h"
#include "miaudit/base/context.h"
#include "miaudit/data/models.h"
#include "miaudit/data/records.h"

namespace miaudit {

/// Runs every attack of the plan whose needs the records meet, one in memory at a time, and measures it.
/// Deterministic: the same records, plan and seed give the same result, whatever the threads.
/// Throws Error(config) for a plan that names what does not exist (check_plan says so before anything is read).
AuditResult audit(const Records& records, const AuditPlan& plan, const Context& context, const ScoreSink& sink = {});

/// The same with reference models, and with each of several targets in turn (places in models.models): figures are then
/// of all targets' records together, intervals allow for a pair's records erring together, and each target's own
/// figures stand beside. A target's partner is never among its references. people: as Records::groups, or empty.
/// The sink gets the scores of one target after the other, NaN where a record lacks the models that an attack needs.
/// Throws Error(config) for more targets than the plan's memory allows: targets_within() chooses.
AuditResult audit(const Models& models, std::span<const size_t> targets, std::span<const int64_t> people,
                  const AuditPlan& plan, const Context& context, const ScoreSink& sink = {});

/// Exposed records of a single target by their rows and names, not by their places among those that were kept.
void name_records(const Records& records, AuditResult& result);

/// Everything about a plan that can be wrong without looking at data.
void check_plan(const AuditPlan& plan);

/// Flags of parameters that no attack of the plan takes.
std::vector<std::string> unused_parameters(const AuditPlan& plan);

/// The 0/1 decision of one attack for other records of the same model.
struct PredictPlan {
  std::string attack = "spread";
  AttackParameters parameters;
  double fpr = 0;  ///< > 0: the threshold keeps the known non-members' FPR at most this; 0: the attack's own rule.
};
struct Prediction {
  std::string rule;
  double threshold = 0;
  double member_mean = 0;
  double nonmember_mean = 0;
  std::vector<uint8_t> membership;  ///< One for each evaluated record.
  std::vector<double> scores;
};
/// Throws Error(config) for an attack that does not exist or needs more than one model's outputs.
void check_predict(const PredictPlan& plan);
/// known: members and non-members with their truth. evaluate: outputs of the records to decide, with labels where the
/// attack needs them. Throws Error(input) for a constant row under `spread`, Error(config) for needs that are not met.
Prediction predict(const Records& known, const Outputs& evaluate, std::span<const int32_t> evaluate_labels,
                   const PredictPlan& plan, const Context& context);

}  // namespace miaudit
