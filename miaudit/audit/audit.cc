#include "miaudit/audit/audit.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <set>

#include "miaudit/attack/attack.h"
#include "miaudit/audit/checks.h"
#include "miaudit/audit/curve.h"
#include "miaudit/audit/exposed.h"
#include "miaudit/audit/measure.h"
#include "miaudit/audit/model_signals.h"
#include "miaudit/audit/outputs_signals.h"
#include "miaudit/audit/run_attacks.h"
#include "miaudit/audit/score.h"
#include "miaudit/audit/slices.h"
#include "miaudit/audit/trial.h"
#include "miaudit/audit/verdict.h"
#include "miaudit/base/parallel.h"
#include "miaudit/base/version.h"
#include "miaudit/learn/learners.h"
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
  result.interval_method = plan.measure.bootstrap ? "bca" : "analytic";
  return result;
}

/// At most so many lessons for all targets.
constexpr size_t kTargetFolds = 4;

/// Folds of targets, a family's in one.
std::vector<std::vector<size_t>> folds_of_targets(const Models& models, const std::vector<size_t>& order,
                                                  std::span<const size_t> targets) {
  std::vector<size_t> families;
  std::vector<std::vector<size_t>> folds;
  for (const size_t m : order) {
    const size_t t = static_cast<size_t>(std::ranges::find(targets, m) - targets.begin());
    if (t == targets.size()) continue;
    const size_t family = models.families[targets[t]];
    size_t place = static_cast<size_t>(std::ranges::find(families, family) - families.begin());
    if (place == families.size()) families.push_back(family);
    place %= kTargetFolds;
    if (place >= folds.size()) folds.resize(place + 1);
    folds[place].push_back(t);
  }
  return folds;
}

/// The audit's own figures as the curve's last point, behind those with fewer models.
std::vector<BudgetPoint> curve_of(const LimitedTrial& limited, const Performed& performed, const AuditPlan& plan,
                                  const Context& context, const AuditResult& result) {
  std::vector<const AttackRow*> attacks;
  BudgetPoint all{result.subject.references, {}};
  for (size_t k = 0; k < performed.attacks.size(); ++k) {
    if (!performed.attacks[k]->needs_references()) continue;
    attacks.push_back(performed.attacks[k]);
    const AttackResult& own = result.attacks[k];
    BudgetFigures figures{own.name, own.estimates.auc, {}, own.targets, performed.seconds[k]};
    for (const RateAtFpr& rate : own.estimates.tpr_at_fpr) figures.tpr.push_back(rate.tpr);
    all.attacks.push_back(std::move(figures));
  }
  if (attacks.empty())
    fail(Category::config,
         "--curve was asked for, and no attack that ran needs reference models; name one in --attacks");
  std::vector<BudgetPoint> curve = budget_curve(limited, all.references, plan, attacks, context);
  curve.push_back(std::move(all));
  return curve;
}

/// Figures of all targets together take all of their scores at once.
void check_memory(size_t targets, size_t records, uint64_t memory) {
  constexpr uint64_t kBytesAScore = 64;
  const uint64_t each = records * kBytesAScore;
  if (targets * each <= memory / 2) return;
  fail(Category::config,
       "figures of {} targets x {} records take {} MB, half of --memory holds {}; give --memory {}G, or one model with "
       "--target",
       targets, grouped(records), (targets * each >> 20) + 1, memory >> 21, (targets * each * 2 >> 30) + 1);
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
           "{} gives no score in {} of {} cases (a record under a target) for want of reference models, more than "
           "any other attack; these count nowhere in its figures (`unscored` has each attack's)",
           most->name, grouped(most->unscored), grouped(all)),
       "train more models; `miaudit shadow plan --design pairs` gives every record as many on either side"});
}

/// Targets in an order that does not depend on how models are numbered, since sums over targets are rounded; a family's
/// follow each other.
struct OrderedTargets {
  std::vector<size_t> targets;
  std::vector<int64_t> family_of;  ///< 0, 1, … in that order
};
OrderedTargets ordered(std::span<const size_t> asked, const Models& models, const std::vector<size_t>& order) {
  OrderedTargets found;
  std::vector<size_t> seen;
  for (const size_t first : order) {
    const size_t family = models.families[first];
    if (std::ranges::find(asked, first) == asked.end() || std::ranges::find(seen, family) != seen.end()) continue;
    for (const size_t m : order) {
      if (models.families[m] != family || std::ranges::find(asked, m) == asked.end()) continue;
      found.targets.push_back(m);
      found.family_of.push_back(static_cast<int64_t>(seen.size()));
    }
    seen.push_back(family);
  }
  return found;
}

/// Hands on the scores of `targets`, one row each, in the order that they were asked for in.
ScoreSink in_order_of(std::span<const size_t> asked, std::span<const size_t> targets, const ScoreSink& sink) {
  if (!sink || targets.size() == 1) return sink;
  return [=, &sink](const std::string& attack, std::span<const double> scores) {
    const size_t records = scores.size() / targets.size();
    std::vector<double> rows;
    rows.reserve(scores.size());
    for (const size_t target : asked) {
      const size_t t = static_cast<size_t>(std::ranges::find(targets, target) - targets.begin());
      const std::span<const double> own = scores.subspan(t * records, records);
      rows.insert(rows.end(), own.begin(), own.end());
    }
    sink(attack, rows);
  };
}

void finish(const Trial& trial, const Performed& performed, const Records& first, const AuditPlan& plan,
            const Context& context, AuditResult& result) {
  const ScoredRecords scored{performed.scores, performed.membership, trial.groups, performed.worth, trial.crossing};
  result.exposure = exposure_of(result.attacks[performed.headline], scored, trial, plan.measure, context);
  result.slices = slice_by_class(scored, trial.labels, result.subject.classes, plan.measure.level, context);
  result.self_checks = check_audit(first, scored, plan.measure.seed, context);
  add_check_warnings(*result.self_checks, result.warnings);
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
                    records.labels,
                    records.groups,
                    [&] { signals.forget(); }};
  const Performed performed = run_attacks(trial, plan, context, sink, result);
  finish(trial, performed, records, plan, context, result);
  name_records(records, result);
  return result;
}

AuditResult audit(const Models& models, std::span<const size_t> asked, std::span<const int64_t> people,
                  const AuditPlan& plan, const Context& context, const ScoreSink& sink) {
  check_plan(plan);
  AuditResult result = begin_result(plan);
  describe_files(models.files, models.warnings, result);
  for (const Warning& missing : models.missing)
    result.warnings.push_back({missing.code, missing.message + "; it was left out", missing.advice});
  describe_outputs(models.models.front().outputs, models.form_detected, result.subject);
  if (!models.has_outputs()) result.subject.element_type = models.files.front().element_type;
  check_memory(asked.size(), models.records(), plan.memory);

  // Several targets are scored beside each other, one a thread.
  Context one_thread;
  one_thread.cancelled = context.cancelled;
  ModelSignals signals(models, context, asked.size() > 1 ? one_thread : context, plan.memory);
  const OrderedTargets in_order = ordered(asked, models, signals.order());
  const std::vector<size_t>& targets = in_order.targets;
  Trial trial;
  std::vector<int8_t> membership;
  std::vector<int64_t> pairs;
  std::vector<int32_t> labels;
  for (size_t t = 0; t < targets.size(); ++t) {
    const std::vector<int8_t> own = audited_membership(models, targets[t]);
    membership.insert(membership.end(), own.begin(), own.end());
    labels.insert(labels.end(), models.labels.begin(), models.labels.end());
    pairs.insert(pairs.end(), models.records(), in_order.family_of[t]);
  }
  for (size_t t = 0; t < targets.size(); ++t)
    trial.targets.push_back(
        {models.models[targets[t]].number, std::span(membership).subspan(t * models.records(), models.records())});
  if (targets.size() > 1) trial.together = signals.expect(targets, plan.measure.seed);
  const auto evidence_without = [&](size_t t, const std::vector<size_t>& barred) {
    auto target = std::make_shared<const TargetEvidence>(signals, targets[t], plan.measure.seed, barred);
    return std::shared_ptr<const Evidence>(target, &target->evidence());
  };
  trial.evidence = [&](size_t t) { return evidence_without(t, {}); };
  trial.target_folds = folds_of_targets(models, signals.order(), targets);
  const auto teachers_without = [&](std::span<const size_t> fold, std::vector<size_t> barred) {
    for (const size_t t : fold) barred.push_back(models.families[targets[t]]);
    // By label alone: folds that followed the target's membership would tell of it.
    const std::vector<uint32_t> strata = models.labels.empty()
                                             ? std::vector<uint32_t>(models.records())
                                             : std::vector<uint32_t>(models.labels.begin(), models.labels.end());
    const size_t units = people.empty() ? strata.size() : std::set<int64_t>(people.begin(), people.end()).size();
    const int folds = static_cast<int>(std::min<size_t>(static_cast<size_t>(plan.folds), units));
    if (folds < 2) fail(Category::numeric, "scores records by what others taught it; give at least two groups");
    return std::make_unique<ReferenceTeachers>(
        signals, std::move(barred), assign_folds(strata, people, folds, plan.measure.seed), folds, plan.measure.seed);
  };
  trial.teachers = [&](std::span<const size_t> fold) { return teachers_without(fold, {}); };
  trial.forget = [&] { signals.settle(); };
  trial.membership = membership;
  trial.labels = labels;
  trial.first_labels = models.labels;
  trial.people = people;
  // Scores of one target err together, and so do a pair's, of which one is the other turned round; and so do scores of
  // one record.
  const bool has_families = std::ranges::any_of(pairs, [&](int64_t family) { return family != pairs.front(); });
  if (targets.size() == 1) {
    trial.groups = people;
  } else {
    if (!has_families)
      for (size_t k = 0; k < pairs.size(); ++k) pairs[k] = static_cast<int64_t>(k % models.records());
    trial.groups = pairs;
    trial.crossing = has_families ? models.records() : 0;
  }

  Subject& subject = result.subject;
  subject.records = static_cast<uint64_t>(std::ranges::count(models.audited, 1));
  for (const int8_t m : membership) subject.members += m == 1, subject.nonmembers += m == 0;
  subject.population = models.population.size();
  subject.unknown = subject.records * targets.size() - subject.members - subject.nonmembers;
  subject.groups = std::set<int64_t>(people.begin(), people.end()).size();
  subject.models = models.models.size();
  subject.targets = targets.size();
  const std::shared_ptr<const Evidence> evidence = trial.evidence(0);
  const ReferenceSource* references = evidence->references;
  subject.references = references ? references->count() : 0;
  subject.references_out = references ? references->models_out() : 0;
  subject.references_in = references ? references->models_in() : 0;
  warn_of_few_nonmembers(subject.nonmembers, plan.measure.fprs, result.warnings);

  const Performed performed = run_attacks(trial, plan, context, in_order_of(asked, targets, sink), result);
  warn_of_unscored(result);
  if (plan.curve) {
    const LimitedTrial limited = [&](size_t count) -> std::optional<Trial> {
      auto barred = std::make_shared<std::vector<std::vector<size_t>>>(targets.size());
      for (const std::vector<size_t>& fold : trial.target_folds) {
        std::vector<size_t> of_fold;
        for (const size_t t : fold) of_fold.push_back(models.families[targets[t]]);
        const auto past = families_past(signals, of_fold, count, plan.measure.seed);
        if (!past) return {};
        for (const size_t t : fold) {
          (*barred)[t] = *past;
          // One of the fold's other targets may not be a reference: its fold has chosen others.
          for (const size_t family : of_fold)
            if (family != models.families[targets[t]]) (*barred)[t].push_back(family);
        }
      }
      Trial fewer = trial;
      fewer.evidence = [&, barred](size_t t) { return evidence_without(t, (*barred)[t]); };
      fewer.teachers = [&, barred](std::span<const size_t> fold) {
        return teachers_without(fold, (*barred)[fold.front()]);
      };
      return fewer;
    };
    result.budget_curve = curve_of(limited, performed, plan, context, result);
  }
  Records first;
  first.outputs = models.models[targets.front()].outputs;
  first.labels = models.labels;
  first.membership.assign(trial.targets.front().membership.begin(), trial.targets.front().membership.end());
  finish(trial, performed, first, plan, context, result);
  return result;
}

}  // namespace miaudit
