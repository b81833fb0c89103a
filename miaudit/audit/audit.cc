#include "miaudit/audit/audit.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <set>

#include "miaudit/attack/attack.h"
#include "miaudit/audit/checks.h"
#include "miaudit/audit/curve.h"
#include "miaudit/audit/exposed.h"
#include "miaudit/audit/measure.h"
#include "miaudit/audit/model_trial.h"
#include "miaudit/audit/outputs_signals.h"
#include "miaudit/audit/run_attacks.h"
#include "miaudit/audit/score.h"
#include "miaudit/audit/slices.h"
#include "miaudit/audit/targets.h"
#include "miaudit/audit/trial.h"
#include "miaudit/audit/verdict.h"
#include "miaudit/base/parallel.h"
#include "miaudit/base/version.h"
#include "miaudit/data/families.h"
#include "miaudit/data/stored_scores.h"
#include "miaudit/data/stored_signals.h"
#include "miaudit/signal/signal.h"

namespace miaudit {
namespace {

void describe_files(const std::vector<FileRecord>& files, const std::vector<Warning>& warnings, AuditResult& result) {
  for (const FileRecord& file : files)
    result.files.push_back(
        {file.role, file.path, file.element_type, {file.shape.begin(), file.shape.end()}, file.hash});
  for (const Warning& warning : warnings) result.warnings.push_back({warning.code, warning.message, warning.advice});
}

void describe_outputs(const Outputs& outputs, bool form_detected, Subject& subject) {
  subject.classes = outputs.classes;
  subject.queries = outputs.queries;
  subject.input_form = "signals";
  if (outputs.parts.empty()) return;
  subject.input_form = form_name(outputs.form);
  subject.form_detected = form_detected;
  subject.element_type = element_name(outputs.parts[0].values.type());
}

}  // namespace

std::vector<std::string> unused_parameters(const AuditPlan& plan) {
  std::vector<std::string> flags;
  const auto takes = [&](const AttackRow& attack, std::string_view given_to, std::string_view name) {
    return is_wanted(plan, attack.name) && (attack.name == given_to || attack.online == given_to) && attack.takes(name);
  };
  for (const auto& [given_to, values] : plan.parameters)
    for (const auto& [name, value] : values)
      if (std::ranges::none_of(attack_table(), [&](const AttackRow& attack) { return takes(attack, given_to, name); }))
        flags.push_back(parameter_flag(given_to, name));
  return flags;
}

void check_plan(const AuditPlan& plan) {
  for (const std::string& name : plan.attacks)
    if (name != "all") find_attack(name);
  for (const auto& [attack, values] : plan.parameters) {
    const AttackRow& row = find_attack(attack);
    Parameters(row.name, row.parameters, values);
  }
  if (plan.folds < 2 || plan.folds > 100)
    fail(Category::config, "--folds {} was asked for; expected 2 to 100", plan.folds);
  check_measure(plan.measure);
}

namespace {

AuditResult begin_result(const AuditPlan& plan) {
  AuditResult result;
  result.miaudit_version = version();
  result.kernel_target = kernel_target();
  result.seed = plan.measure.seed;
  result.level = plan.measure.level;
  return result;
}

/// Signals may have been computed by processors of other kinds than this one.
void tell_instruction_sets(const Models& models, AuditResult& result) {
  if (!models.stored || models.stored->kernel_targets().empty()) return;
  std::set<std::string> of_shards = models.stored->kernel_targets();
  if (models.scores) of_shards.insert(models.scores->kernel_targets().begin(), models.scores->kernel_targets().end());
  std::set<std::string> all = of_shards;
  all.insert(result.kernel_target);
  if (all.size() == 1) return;
  result.warnings.push_back(
      {"other_instruction_sets",
       fmt::format(
           "what shards stored was computed by {}, and here by {}: figures may differ in their last digits from "
           "those of an audit without shards",
           fmt::join(of_shards, " and "), result.kernel_target),
       "for the same bytes compute all shards and merge them on processors of one kind"});
  result.kernel_target = fmt::format("{}", fmt::join(all, ", "));
}

/// The audit's own figures as the curve's last point, behind those with fewer models.
std::vector<BudgetPoint> curve_of(const LimitedTrial& limited, const Performed& performed, const AuditPlan& plan,
                                  const Context& context, const AuditResult& result) {
  std::vector<const AttackRow*> attacks;
  BudgetPoint all{.references = result.subject.references};
  for (size_t k = 0; k < performed.attacks.size(); ++k) {
    if (!performed.attacks[k]->needs_references()) continue;
    attacks.push_back(performed.attacks[k]);
    const AttackResult& own = result.attacks[k];
    BudgetFigures figures{own.name, own.estimates.members, own.estimates.nonmembers, own.estimates.auc,
                          {},       own.targets,           performed.seconds[k]};
    for (const RateAtFpr& rate : own.estimates.tpr_at_fpr) figures.tpr.push_back(rate.tpr);
    all.attacks.push_back(std::move(figures));
  }
  name_headline(all);
  if (attacks.empty())
    fail(Category::config,
         "--curve was asked for, and no attack that ran needs reference models; name one in --attacks");
  std::vector<BudgetPoint> curve = budget_curve(limited, all.references, plan, attacks, context);
  curve.push_back(std::move(all));
  return curve;
}

void warn_of_unscored(AuditResult& result) {
  const AttackResult* most = nullptr;
  for (const AttackResult& attack : result.attacks)
    if (attack.unscored > 0 && find_attack(attack.name).needs_references() &&
        (!most || attack.unscored > most->unscored))
      most = &attack;
  if (!most) return;
  const uint64_t all = result.subject.members + result.subject.nonmembers;
  result.warnings.push_back(
      {"unscored_records",
       fmt::format(
           "in {} of {} cases (a record under a target) {} gives no score for want of reference models, and no other "
           "attack gives fewer scores; these count nowhere in its figures (`unscored` has each attack's)",
           grouped(most->unscored), grouped(all), most->name),
       "train more models; `miaudit shadow plan --design pairs` gives every record as many on either side"});
}

void count_models(const Models& models, const Trial& trial, Subject& subject) {
  subject.records = static_cast<uint64_t>(std::ranges::count(models.audited, 1));
  for (const int8_t m : trial.membership) subject.members += m == 1, subject.nonmembers += m == 0;
  subject.population = models.population.size();
  subject.unknown = subject.records * trial.targets.size() - subject.members - subject.nonmembers;
  subject.groups = std::set<int64_t>(trial.people.begin(), trial.people.end()).size();
  subject.models = models.models.size();
  subject.targets = trial.targets.size();
  const std::shared_ptr<const Evidence> evidence = trial.evidence(0);
  const ReferenceSource* references = evidence->references;
  subject.references = references ? references->count() : 0;
  subject.references_out = references ? references->models_out() : 0;
  subject.references_in = references ? references->models_in() : 0;
}

/// Models on one split, and those whose partner is there, have fewer references than others have.
void warn_of_uneven_references(const Models& models, const Trial& trial, std::vector<Notice>& warnings) {
  std::set<size_t> numbers, counts;
  for (const Target& target : trial.targets) numbers.insert(target.model);
  for (size_t p = 0; p < models.models.size(); ++p) {
    if (!numbers.contains(models.models[p].number)) continue;
    const std::vector<size_t> barred = barred_families(models, p);
    counts.insert(static_cast<size_t>(std::ranges::count_if(
        models.families, [&](size_t family) { return !std::ranges::binary_search(barred, family); })));
  }
  if (counts.size() < 2) return;
  warnings.push_back(
      {"uneven_references",
       fmt::format("some targets have {} reference models and others up to {}, since partners, models on "
                   "splits that resemble each other and models of one round of cross-validation are not "
                   "each other's references",
                   *counts.begin(), *counts.rbegin()),
       "figures of each target are in result.json; --target K audits one"});
}

bool are_complements(const Models& models, size_t first, size_t second) {
  for (size_t k = 0; k < models.records(); ++k)
    if (models.audited[k] && models.models[first].membership[k] + models.models[second].membership[k] != 1)
      return false;
  return true;
}

/// With one target, nobody should wonder where reference models went; its partner goes without saying.
void warn_of_relatives(const Models& models, size_t target, std::vector<Notice>& warnings) {
  const std::vector<size_t> barred = barred_families(models, target);
  std::vector<size_t> relatives;
  for (size_t m = 0; m < models.partners.size(); ++m)
    if (m != target && std::ranges::binary_search(barred, models.families[m]) && models.partners[target] != m)
      relatives.push_back(m);
  if (relatives.empty() || (relatives.size() == 1 && are_complements(models, target, relatives.front()))) return;
  for (size_t& m : relatives) m = models.models[m].number;
  constexpr size_t kNamed = 8;
  const size_t more = relatives.size() - std::min(relatives.size(), kNamed);
  relatives.resize(relatives.size() - more);
  warnings.push_back({"relatives_of_the_target",
                      fmt::format("{} {}{}: trained on much of what the target was, or was not, or in one round of "
                                  "cross-validation with it; not used, since that tells the target's membership",
                                  relatives.size() == 1 ? "model" : "models", fmt::join(relatives, ", "),
                                  more > 0 ? fmt::format(" and {} more", more) : ""),
                      "train reference models on other splits; in a run of its own, with another --seed"});
}

void finish(const Trial& trial, const Performed& performed, const Records& first, const AuditPlan& plan,
            const Context& context, AuditResult& result) {
  const ScoredRecords scored = scored_records(trial, performed.scores, performed.membership, performed.worth);
  result.exposure = exposure_of(result.attacks[performed.headline], scored, trial, plan.measure, context);
  result.slices = slice_by_class(scored, trial.labels, result.subject.classes, plan.measure.level, context);
  result.self_checks = check_audit(first, scored, plan.measure.seed, context);
  add_check_warnings(*result.self_checks, result.warnings);
  note_intervals(plan.measure.bootstrap, result);
  conclude(result);
}

}  // namespace

void name_records(const Records& records, AuditResult& result) {
  if (!result.exposure) return;
  for (ExposedRecord& exposed : result.exposure->records) {
    if (!records.ids.empty()) exposed.id = records.ids[exposed.record];
    exposed.record = records.row(exposed.record);
  }
}

AuditResult audit(const Records& records, const AuditPlan& plan, const Context& context, const ScoreSink& sink) {
  check_plan(plan);
  if (plan.curve)
    fail(Category::config,
         "--curve audits with fewer reference models, and there are none; give a run folder, or "
         "--reference-outputs and --reference-membership");
  AuditResult result = begin_result(plan);
  describe_files(records.files, records.warnings, result);
  describe_outputs(records.outputs, records.form_detected, result.subject);
  result.subject.records = records.size();
  for (const int8_t m : records.membership)
    ++(m == 1 ? result.subject.members : m == 0 ? result.subject.nonmembers : result.subject.unknown);
  result.subject.groups = std::set<int64_t>(records.groups.begin(), records.groups.end()).size();
  warn_of_few_nonmembers(result.subject.nonmembers, plan.measure.fprs, result.warnings);

  OutputsSignals signals(records.outputs, records.labels, context);
  Evidence evidence{signals, records.size(), records.outputs.classes, records.labels};
  if (!records.features.empty()) evidence.features = {records.features.data(), records.size(), records.feature_columns};
  const Trial trial{{{0, records.membership}},
                    [&](size_t) { return std::shared_ptr<const Evidence>(std::shared_ptr<void>(), &evidence); },
                    {},
                    {},
                    records.membership,
                    records.groups,
                    0,
                    records.labels,
                    records.groups,
                    [&] { signals.forget(); }};
  const Performed performed = run_attacks(trial, plan, context, sink, result);
  finish(trial, performed, records, plan, context, result);
  check_unchanged(records.outputs);
  name_records(records, result);
  return result;
}

AuditResult audit(const Models& models, std::span<const size_t> asked, std::span<const int64_t> people,
                  const AuditPlan& plan, const Context& context, const ScoreSink& sink) {
  check_plan(plan);
  AuditResult result = begin_result(plan);
  describe_files(models.files, models.warnings, result);
  for (const auto& [number, missing] : models.missing)
    result.warnings.push_back({missing.code, missing.message + "; it was left out", missing.advice});
  describe_outputs(models.models.front().outputs, models.form_detected, result.subject);
  tell_instruction_sets(models, result);
  if (!models.has_outputs()) result.subject.element_type = models.files.front().element_type;
  const bool are_one_family = std::ranges::all_of(
      asked, [&](size_t target) { return models.families[target] == models.families[asked.front()]; });
  check_memory({asked.size(), models.records(), are_one_family}, plan.memory);

  ModelTrial all(models, asked, people, plan, context);
  const Trial& trial = all.trial();
  count_models(models, trial, result.subject);
  warn_of_uneven_references(models, trial, result.warnings);
  if (asked.size() == 1) warn_of_relatives(models, asked.front(), result.warnings);
  warn_of_few_nonmembers(result.subject.nonmembers, plan.measure.fprs, result.warnings);

  const Performed performed = run_attacks(trial, plan, context, all.in_asked_order(sink), result);
  warn_of_unscored(result);
  if (const std::string unlike = all.unlike_references(); !unlike.empty())
    result.warnings.push_back({"unlike_references", unlike + ": it was not trained as they were",
                               "train reference models with the target's data, architecture and recipe; what attacks "
                               "with references find is too little until then"});
  if (plan.curve)
    result.budget_curve =
        curve_of([&](size_t references) { return all.limited(references); }, performed, plan, context, result);
  Records first;
  first.outputs = models.models[all.targets().front()].outputs;
  first.labels = models.labels;
  first.membership.assign(trial.targets.front().membership.begin(), trial.targets.front().membership.end());
  finish(trial, performed, first, plan, context, result);
  check_unchanged(models);
  return result;
}

}  // namespace miaudit
