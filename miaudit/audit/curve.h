#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "miaudit/audit/model_signals.h"
#include "miaudit/audit/trial.h"

namespace miaudit {

/// Families of models to leave out, so that a target of `fold` (families as well) keeps `references` models of others:
/// whole families, drawn at random, those of a smaller number being as a rule among those of a larger. Empty optional
/// where no choice of families is so many. Deterministic in the seed and in what the models are, not in their numbers.
std::optional<std::vector<size_t>> families_past(const ModelSignals& signals, std::span<const size_t> fold,
                                                 size_t references, uint64_t seed);

/// The trial with so many reference models for every target; empty where some cannot have so many.
using LimitedTrial = std::function<std::optional<Trial>(size_t references)>;

/// Names the attack that an audit with so many models would have for its headline.
void name_headline(BudgetPoint& point);

/// Power of every attack of the plan that needs reference models, with 2, 4, 8, … of them, below `all`.
std::vector<BudgetPoint> budget_curve(const LimitedTrial& limited, size_t all, const AuditPlan& plan,
                                      const std::vector<const AttackRow*>& attacks, const Context& context);

}  // namespace miaudit
