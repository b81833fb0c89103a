#include "miaudit/audit/audit.h"

#include <algorithm>
#include <set>

#include "miaudit/attack/attack.h"
#include "miaudit/audit/checks.h"
#include "miaudit/audit/decision.h"
#include "miaudit/audit/measure.h"
#include "miaudit/audit/outputs_signals.h"
#include "miaudit/audit/score.h"
#include "miaudit/audit/slices.h"
#include "miaudit/audit/verdict.h"
#include "miaudit/base/version.h"
#include "miaudit/signal/signal.h"

namespace miaudit {
namespace {

bool is_wanted(const AuditPlan& plan, std::string_view attack) {
  return std::any_of(plan.attacks.begin(), plan.attacks.end(),
                     [&](const std::string& name) { return name == "all" || name == attack; });
}

Parameters parameters_of(const AttackRow& attack, const AttackParameters& given) {
  const auto found = given.find(attack.name);
  return Parameters(attack.name, attack.parameters, found == given.end() ? decltype(found->second){} : found->second);
}

// Why an attack cannot run on these records, and what would enable it; "" when it can.
std::string obstacle(const AttackRow& attack, const Records& records, const Folds& folds) {
  if (attack.needs_labels() && records.labels.empty())
    return "needs labels; give --labels (with --members: --member-labels and --nonmember-labels)";
  if (records.outputs.classes < attack.min_classes)
    return fmt::format("with {} its score is the same for every record; it needs {} or more",
                       counted(records.outputs.classes, "class", "classes"), attack.min_classes);
  if (attack.calibrates() && folds.count < 2)
    return "calibrates on records of other folds; give at least two members and two non-members (of two groups)";
  return "";
}

void describe(const Records& records, AuditResult& result) {
  for (const FileRecord& file : records.files)
    result.files.push_back(
        {file.role, file.path, file.element_type, {file.shape.begin(), file.shape.end()}, file.hash});
  for (const Warning& warning : records.warnings)
    result.warnings.push_back({warning.code, warning.message, warning.advice});
  Subject& subject = result.subject;
  subject.records = records.size();
  for (const int8_t m : records.membership)
    ++(m == 1 ? subject.members : m == 0 ? subject.nonmembers : subject.unknown);
  subject.groups = std::set<int64_t>(records.groups.begin(), records.groups.end()).size();
  subject.classes = records.outputs.classes;
  subject.queries = records.outputs.queries;
  subject.input_form = form_name(records.outputs.form);
  subject.form_detected = records.form_detected;
  subject.element_type = element_name(records.outputs.parts[0].values.type());
}

// As many folds as asked for, fewer where either side is too small to be in each.
int fold_count(const AuditPlan& plan, const Subject& subject) {
  uint64_t most = std::min(subject.members, subject.nonmembers);
  if (subject.groups > 0) most = std::min(most, subject.groups);
  return static_cast<int>(std::min<uint64_t>(static_cast<uint64_t>(plan.folds), most));
}

AttackResult result_of(const AttackRow& attack, const Parameters& parameters) {
  AttackResult result;
  result.name = attack.name;
  result.summary = attack.summary;
  result.citation = attack.citation;
  result.needs.emplace_back("outputs");
  for (const Need need : attack.needs) result.needs.emplace_back(need_name(need));
  result.parameters.insert(parameters.values().begin(), parameters.values().end());
  return result;
}

std::vector<std::string> inverted(const std::vector<std::string>& names, const std::vector<Metrics>& corrected) {
  std::vector<std::string> found;
  for (size_t k = 0; k < names.size(); ++k)
    if (corrected[k].auc.high && *corrected[k].auc.high < 0.5) found.push_back(names[k]);
  return found;
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

AuditResult audit(const Records& records, const AuditPlan& plan, const Context& context, const ScoreSink& sink) {
  check_plan(plan);
  AuditResult result;
  result.miaudit_version = version();
  result.kernel_target = kernel_target();
  result.seed = plan.measure.seed;
  result.level = plan.measure.level;
  result.interval_method = plan.measure.bootstrap ? "bca" : "analytic";
  describe(records, result);
  warn_of_few_nonmembers(result.subject.nonmembers, plan.measure.fprs, result.warnings);

  Folds folds;
  folds.count = fold_count(plan, result.subject);
  if (folds.count >= 2)
    folds = make_folds(records.labels, records.membership, records.groups, folds.count, plan.measure.seed);
  result.folds = static_cast<uint64_t>(folds.count);

  std::vector<const AttackRow*> attacks;
  for (const AttackRow& attack : attack_table()) {
    if (!is_wanted(plan, attack.name)) continue;
    if (std::string reason = obstacle(attack, records, folds); !reason.empty()) {
      result.skipped.push_back({std::string(attack.name), std::move(reason)});
    } else {
      attacks.push_back(&attack);
    }
  }

  OutputsSignals signals(records.outputs, records.labels, context);
  const Evidence evidence{signals, records.size(), records.outputs.classes, records.labels};
  std::vector<std::string> names;
  std::vector<Metrics> corrected;
  std::vector<double> strongest_scores;
  double strongest_worth = 1;
  for (const AttackRow* attack : attacks) {
    context.report(attack->name, names.size(), attacks.size());
    const Parameters parameters = parameters_of(*attack, plan.parameters);
    std::vector<double> scores;
    try {
      scores = score_records(*attack, evidence, parameters, folds, records.membership, context);
    } catch (const Error& error) {
      if (error.category() != Category::numeric) throw;
      result.skipped.push_back({std::string(attack->name), error.what()});
      // The reason stands with the attacks left out.
      result.warnings.push_back({"attack_skipped",
                                 fmt::format("{} was left out on account of these records", attack->name),
                                 "see why under the attacks left out; the figures of the others stand"});
      continue;
    }
    signals.forget();
    AttackResult found = result_of(*attack, parameters);
    const ScoredRecords scored{scores, records.membership, records.groups, attack->effective_share};
    CorrectedMetrics metrics = measure_corrected(scored, plan.measure, attacks.size(), context);
    found.estimates = std::move(metrics.single);
    if (!records.groups.empty()) {
      GroupMetrics groups = measure_groups(scored, plan.measure, context);
      if (result.attacks.empty()) warn_of_mixed_groups(groups.mixed, result.warnings);
      found.group_estimates = std::move(groups.metrics);
    }
    if (attack->decision != DecisionRule::best_balanced_accuracy && folds.count >= 2)
      found.decision = decide(attack->decision, scores, records.membership, folds, plan.measure.level, context);
    if (sink) sink(found.name, scores);

    const bool is_strongest = std::all_of(result.attacks.begin(), result.attacks.end(), [&](const AttackResult& other) {
      return *found.estimates.auc.value > *other.estimates.auc.value;
    });
    if (is_strongest) {
      strongest_scores = std::move(scores);
      strongest_worth = attack->effective_share;
    }
    names.push_back(found.name);
    corrected.push_back(std::move(metrics.corrected));
    result.attacks.push_back(std::move(found));
  }
  if (names.empty()) {
    std::string reasons;
    for (const Skipped& skipped : result.skipped) reasons += fmt::format("\n  {}: {}", skipped.name, skipped.reason);
    fail(Category::input, "none of the attacks asked for can run on these records:{}", reasons);
  }
  result.headline = strongest_of(names, corrected);
  warn_of_inversion(inverted(names, corrected),
                    "that labels belong to these rows, and that the outputs are what --input says", result.warnings);
  result.slices = slice_by_class(records, strongest_scores, strongest_worth, plan.measure.level, context);
  result.self_checks = check_audit(records, strongest_scores, plan.measure.seed, context);
  add_check_warnings(*result.self_checks, result.warnings);
  conclude(result);
  return result;
}

}  // namespace miaudit
