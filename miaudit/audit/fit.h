#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "miaudit/attack/attack.h"
#include "miaudit/audit/plan.h"
#include "miaudit/base/context.h"
#include "miaudit/data/stored_scores.h"

namespace miaudit {

/// Takes what an attack's fit found of one target after the other, before it is dropped.
using FitSink = std::function<void(const std::string& attack, std::span<const double> numbers)>;

/// What follows from all records at once, of every attack of the plan that scores by formula beside reference models,
/// against each of the targets (places in models.models). models: with stored signals. Throws Error(config) where the
/// plan has no such attack that can run. Cost: as scoring without figures.
Fit fit_attacks(const Models& models, std::span<const size_t> targets, const AuditPlan& plan, const Context& context,
                const FitSink& sink);

/// Scores of some of the records by all attacks of a fit of these models, each as it would have them among all. memory:
/// as AuditPlan has it. numbers: what the sink took of an attack. Cost: as scoring these records.
void apply_fit(const Models& models, const Fit& fit, const RecordRange& range, uint64_t memory, const Context& context,
               const std::function<FitNumbers(const Fit::OfAttack&)>& numbers,
               const std::function<void(ShardScores)>& sink);

/// Whether an attack's scores by a fit are those that the plan asks for against these targets (numbers of models).
bool does_cover(const Fit& fit, const AttackRow& attack, std::span<const size_t> targets, const AuditPlan& plan);

}  // namespace miaudit
