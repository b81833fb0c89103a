#include "miaudit/audit/curve.h"

#include <algorithm>
#include <cmath>

#include "miaudit/audit/headline.h"
#include "miaudit/audit/measure.h"
#include "miaudit/audit/run_attacks.h"
#include "miaudit/base/rng.h"

namespace miaudit {

std::optional<std::vector<size_t>> families_past(const ModelSignals& signals, std::span<const size_t> fold,
                                                 size_t references, uint64_t seed) {
  const std::vector<size_t>& family_of = signals.models().families;
  std::vector<size_t> families;
  for (const size_t m : signals.order())
    if (std::ranges::find(families, family_of[m]) == families.end()) families.push_back(family_of[m]);
  Rng(seed, 0).shuffle(std::span(families));
  std::erase_if(families, [&](size_t family) { return std::ranges::find(fold, family) != fold.end(); });
  // Whether so many models are some of the families from the k-th on: a lone model may stand in the way of pairs.
  std::vector<std::vector<bool>> can_make(families.size() + 1, std::vector<bool>(references + 1));
  const auto size = [&](size_t k) { return static_cast<size_t>(std::ranges::count(family_of, families[k])); };
  can_make.back()[0] = true;
  for (size_t k = families.size(); k-- > 0;)
    for (size_t models = 0; models <= references; ++models)
      can_make[k][models] = can_make[k + 1][models] || (models >= size(k) && can_make[k + 1][models - size(k)]);
  if (!can_make[0][references]) return {};
  std::vector<size_t> past;
  size_t missing = references;
  for (size_t k = 0; k < families.size(); ++k) {
    if (missing >= size(k) && can_make[k + 1][missing - size(k)])
      missing -= size(k);
    else
      past.push_back(families[k]);
  }
  return past;
}

namespace {

/// What the attack finds with these models, or why it cannot run with them, goes to the point.
void try_attack(const AttackRow& attack, const Trial& trial, const AuditPlan& plan, const Context& context,
                BudgetPoint& point) {
  if (std::string reason = obstacle(attack, trial, plan); !reason.empty()) {
    point.skipped.push_back({std::string(attack.name), std::move(reason)});
    return;
  }
  const double start = context.seconds();
  TargetScores scored;
  try {
    scored = score_targets(attack, plan, trial, context);
  } catch (const Error& error) {
    if (error.category() != Category::numeric) throw;
    point.skipped.push_back({std::string(attack.name), error.what()});
    return;
  }
  BudgetFigures figures;
  figures.attack = attack.name;
  figures.seconds = context.seconds() - start;
  if (trial.forget) trial.forget();
  for (double& score : scored.scores)
    if (std::isnan(score)) score = 0;  // of a record that does not count
  const ScoredRecords records = scored_records(trial, scored.scores, scored.membership(trial), attack.effective_share);
  const Metrics metrics = measure_corrected(records, plan.measure, 1, context).single;
  figures.members = metrics.members;
  figures.nonmembers = metrics.nonmembers;
  figures.auc = metrics.auc;
  for (const RateAtFpr& rate : metrics.tpr_at_fpr) figures.tpr.push_back(rate.tpr);
  if (trial.targets.size() > 1)
    figures.targets =
        figures_by_target(trial, records.scores, records.membership, records.worth, plan.measure, context);
  point.attacks.push_back(std::move(figures));
}

}  // namespace

void name_headline(BudgetPoint& point) {
  std::vector<Candidate> held;
  for (const BudgetFigures& figures : point.attacks)
    add_candidate(held, {figures.attack, figures.members + figures.nonmembers, *figures.auc.value});
  point.headline = !held.empty() && is_chosen_beforehand(held.front().attack) ? held.front().attack : "";
}

std::vector<BudgetPoint> budget_curve(const LimitedTrial& limited, size_t all, const AuditPlan& plan,
                                      const std::vector<const AttackRow*>& attacks, const Context& context) {
  std::vector<BudgetPoint> curve;
  for (size_t references = 2; references < all; references *= 2) {
    const std::optional<Trial> trial = limited(references);
    if (!trial) continue;
    BudgetPoint point{.references = references};
    for (size_t k = 0; k < attacks.size(); ++k) {
      context.report(fmt::format("{} of {} models", attacks[k]->name, references), k, attacks.size());
      try_attack(*attacks[k], *trial, plan, context, point);
    }
    name_headline(point);
    curve.push_back(std::move(point));
  }
  return curve;
}

}  // namespace miaudit
