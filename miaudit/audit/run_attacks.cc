#include "miaudit/audit/run_attacks.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "miaudit/attack/attack.h"
#include "miaudit/audit/checks.h"
#include "miaudit/audit/decision.h"
#include "miaudit/audit/headline.h"
#include "miaudit/audit/measure.h"
#include "miaudit/audit/verdict.h"
#include "miaudit/metric/roc.h"

namespace miaudit {
namespace {

bool is_named(const AuditPlan& plan, std::string_view attack) {
  return std::ranges::find(plan.attacks, attack) != plan.attacks.end();
}

/// Of an attack that the records, or this machine, do not let run: others may.
bool is_left_out(const Error& error, const AuditPlan& plan, std::string_view attack) {
  return error.category() == Category::numeric ||
         (error.category() == Category::unsupported && !is_named(plan, attack));
}

AttackResult result_of(const AttackRow& attack, const Parameters& parameters, const TargetScores& scored) {
  AttackResult result;
  result.name = attack.name;
  result.summary = attack.summary;
  result.citation = attack.citation;
  result.needs.emplace_back("outputs");
  for (const Need need : attack.needs) result.needs.emplace_back(need_name(need));
  result.parameters.insert(parameters.values().begin(), parameters.values().end());
  for (const auto& [name, values] : scored.tuned) result.parameters[name] = fmt::format("{}", fmt::join(values, ", "));
  return result;
}

/// An attack with what the headline needs of it.
struct Scored : Candidate {
  size_t place = 0;  ///< in the result
  std::vector<double> scores;
  std::vector<int8_t> membership;
  double worth = 1;
};

/// As the released code of LiRA reads the curve: the last point with an FPR below the asked one.
std::vector<double> released_tpr(const ScoredRecords& records, const MeasureOptions& options, const Context& context) {
  const SortedScores sorted = sort_scores(records.scores, records.membership, context);
  const double nonmembers = static_cast<double>(sorted.nonmembers.size());
  std::vector<double> rates;
  for (const double fpr : options.fprs) {
    const double accused = std::ceil(fpr * nonmembers - 1e-9) - 1;
    const RocPoint point = point_at_fpr(sorted, (accused + 0.5) / nonmembers);
    rates.push_back(static_cast<double>(point.true_positives) / static_cast<double>(sorted.members.size()));
  }
  return rates;
}

std::vector<std::string> inverted(const std::vector<std::string>& names, const std::vector<Metrics>& corrected) {
  std::vector<std::string> found;
  for (size_t k = 0; k < names.size(); ++k)
    if (corrected[k].auc.high && *corrected[k].auc.high < 0.5) found.push_back(names[k]);
  return found;
}

std::string few_of(const std::vector<std::string>& names) {
  constexpr size_t kNamed = 5;
  std::string text = names.front();
  for (size_t k = 1; k < std::min(kNamed, names.size()); ++k) text += ", " + names[k];
  return names.size() > kNamed ? fmt::format("{} and {} more", text, names.size() - kNamed) : text;
}

/// One warning for the attacks that lacked the same targets for the same reason.
void warn_of_shortages(const Trial& trial, const std::vector<std::pair<std::string, Shortages>>& shortages,
                       std::vector<Notice>& warnings) {
  std::map<Shortages, std::vector<std::string>> alike;
  for (const auto& [attack, own] : shortages)
    if (!own.empty()) alike[own].push_back(attack);
  for (const auto& [own, attacks] : alike) {
    std::vector<size_t> numbers;
    for (const auto& [t, reason] : own) numbers.push_back(trial.targets[t].model);
    std::ranges::sort(numbers);
    std::vector<std::string> models;
    for (const size_t number : numbers) models.push_back(std::to_string(number));
    warnings.push_back(
        {"target_unscored",
         fmt::format("{}: no scores against model {}: {}", few_of(attacks), few_of(models), own.begin()->second),
         "figures of these attacks are of the other targets alone"});
  }
}

}  // namespace

Performed run_attacks(const Trial& trial, const AuditPlan& plan, const Context& context, const ScoreSink& sink,
                      AuditResult& result) {
  const Target& first = trial.targets.front();
  int folds = 0;
  for (const Target& target : trial.targets) folds = std::max(folds, count_folds(target, trial.people, plan));
  result.folds = static_cast<uint64_t>(folds);
  std::vector<const AttackRow*> attacks;
  for (const AttackRow& attack : attack_table()) {
    if (!is_wanted(plan, attack.name)) continue;
    if (std::string reason = obstacle(attack, trial, plan); !reason.empty()) {
      result.skipped.push_back({std::string(attack.name), std::move(reason)});
    } else {
      attacks.push_back(&attack);
    }
  }

  std::vector<std::string> names;
  std::vector<Metrics> single;
  std::vector<Metrics> corrected;
  std::vector<std::pair<std::string, Shortages>> shortages;
  Performed performed;
  std::vector<std::string> left_out;
  std::vector<Scored> held;
  for (const AttackRow* attack : attacks) {
    context.report(attack->name, names.size(), attacks.size());
    const double start = context.seconds();
    TargetScores scored;
    try {
      scored = score_targets(*attack, plan, trial, context);
    } catch (const Error& error) {
      if (!is_left_out(error, plan, attack->name)) throw;
      result.skipped.push_back({std::string(attack->name), error.what()});
      if (error.category() == Category::numeric) left_out.emplace_back(attack->name);
      continue;
    }
    performed.attacks.push_back(attack);
    performed.seconds.push_back(context.seconds() - start);
    if (trial.forget) trial.forget();
    if (sink) sink(std::string(attack->name), scored.scores);
    for (double& score : scored.scores)
      if (std::isnan(score)) score = 0;  // of a record that does not count
    AttackResult found = result_of(*attack, parameters_of(*attack, plan.parameters), scored);
    found.unscored = scored.unscored;
    shortages.emplace_back(found.name, std::move(scored.shortages));
    const ScoredRecords records =
        scored_records(trial, scored.scores, scored.membership(trial), attack->effective_share);
    CorrectedMetrics metrics = measure_corrected(records, plan.measure, attacks.size(), context);
    found.estimates = metrics.single;
    if (const auto formulas = found.parameters.find("formulas");
        formulas != found.parameters.end() && formulas->second == "carlini")
      found.released_tpr = released_tpr(records, plan.measure, context);
    if (trial.targets.size() > 1)
      found.targets =
          figures_by_target(trial, records.scores, records.membership, records.worth, plan.measure, context);
    if (!trial.people.empty()) {
      GroupMetrics groups = measure_groups(records, plan.measure, context);
      if (result.attacks.empty()) warn_of_mixed_groups(groups.mixed, result.warnings);
      found.group_estimates = std::move(groups.metrics);
    }
    if (attack->decision != DecisionRule::best_balanced_accuracy && folds >= 2 && trial.targets.size() == 1)
      found.decision = decide(attack->decision, scored.scores, trial.membership, folds_of(first, trial, plan),
                              plan.measure.level, context);

    std::vector<int8_t> membership(records.membership.begin(), records.membership.end());
    add_candidate(held,
                  {{attack->name, found.estimates.members + found.estimates.nonmembers, *found.estimates.auc.value},
                   result.attacks.size(),
                   std::move(scored.scores),
                   std::move(membership),
                   attack->effective_share});
    names.push_back(found.name);
    single.push_back(std::move(metrics.single));
    corrected.push_back(std::move(metrics.corrected));
    result.attacks.push_back(std::move(found));
  }
  if (!left_out.empty())
    result.warnings.push_back(
        {"attack_skipped",
         fmt::format("{} left out on account of these records",
                     left_out.size() == 1 ? left_out.front() + " was" : few_of(left_out) + " were"),
         "see why under the attacks left out; the figures of the others stand"});
  warn_of_shortages(trial, shortages, result.warnings);
  if (names.empty()) {
    std::string reasons;
    for (const Skipped& skipped : result.skipped) reasons += fmt::format("\n  {}: {}", skipped.name, skipped.reason);
    fail(Category::input, "none of the attacks asked for can run on these records:{}", reasons);
  }
  Scored& headline = held.front();
  performed.headline = headline.place;
  performed.scores = std::move(headline.scores);
  performed.membership = std::move(headline.membership);
  performed.worth = headline.worth;
  result.headline = strongest_of(names, corrected);
  if (is_chosen_beforehand(headline.attack) && names.size() > 1) {
    result.strongest = std::move(result.headline);
    result.headline = headline_of(names[performed.headline], single[performed.headline], names.size());
  }
  warn_of_inversion(inverted(names, corrected),
                    "that labels belong to these rows, and that the outputs are what --input says", result.warnings);
  return performed;
}

}  // namespace miaudit
