#include <fmt/ranges.h>

#include <algorithm>

#include "miaudit/attack/attack.h"
#include "miaudit/audit/audit.h"
#include "miaudit/audit/checks.h"
#include "miaudit/audit/decision.h"
#include "miaudit/audit/outputs_signals.h"
#include "miaudit/audit/score.h"
#include "miaudit/data/outputs.h"
#include "miaudit/metric/roc.h"

namespace miaudit {
namespace {

constexpr int kThresholdFolds = 5;

void check_alike(const Outputs& known, const Outputs& evaluate) {
  if (known.columns != evaluate.columns || known.queries != evaluate.queries)
    fail(Category::input, "{} holds {} of {} a record, but {} {} of {}; both must come from one model",
         evaluate.parts[0].source, counted(evaluate.queries, "query", "queries"), counted(evaluate.columns, "column"),
         known.parts[0].source, known.queries, known.columns);
  if (known.form != evaluate.form)
    fail(Category::input, "{} holds {}, but {} {}; give both alike, or say what they are with --input",
         evaluate.parts[0].source, form_name(evaluate.form), known.parts[0].source, form_name(known.form));
}

Outputs joined(const Outputs& known, const Outputs& evaluate) {
  Outputs all = known;
  all.parts.insert(all.parts.end(), evaluate.parts.begin(), evaluate.parts.end());
  all.samples += evaluate.samples;
  return all;
}

// Below one in all of them there is no threshold at which the rate could be seen to hold.
void check_fpr(double fpr, const Records& known) {
  const auto nonmembers =
      static_cast<uint64_t>(std::count(known.membership.begin(), known.membership.end(), int8_t{0}));
  if (fpr > 0 && are_too_few(nonmembers, fpr))
    fail(Category::input,
         "{} {} not allow a threshold at an FPR of {}; give at least {} known non-members, or an FPR of 1/{} or more",
         counted(nonmembers, "known non-member"), nonmembers == 1 ? "does" : "do", fpr, grouped(nonmembers_for(fpr)),
         nonmembers);
}

// Scores of all records: the known ones out of fold, the others from all that is known.
std::vector<double> score_all(const AttackRow& attack, const Evidence& evidence, const Parameters& parameters,
                              const Records& known, std::span<const int8_t> membership, const Context& context) {
  Folds folds;
  if (attack.calibrates()) {
    const auto smaller = std::min(std::count(known.membership.begin(), known.membership.end(), int8_t{1}),
                                  std::count(known.membership.begin(), known.membership.end(), int8_t{0}));
    if (smaller < 2)
      fail(Category::input, "{} calibrates on known records: give at least two members and two non-members",
           attack.name);
    folds = make_folds(evidence.labels.first(evidence.labels.empty() ? 0 : known.size()), known.membership,
                       known.groups, static_cast<int>(std::min<int64_t>(kThresholdFolds, smaller)), 0);
    // The records to decide are one more fold: nothing about them is known, and everything else may be used.
    folds.of.resize(evidence.samples, static_cast<uint8_t>(folds.count));
    ++folds.count;
  }
  return score_records(attack, evidence, parameters, folds, membership, context);
}

}  // namespace

void check_predict(const PredictPlan& plan) {
  if (plan.attack == "all") fail(Category::config, "--attack all was given; one attack decides: give its name");
  const AttackRow& attack = find_attack(plan.attack);
  if (attack.needs_one_model_alone()) return;
  std::vector<std::string_view> others;
  for (const AttackRow& row : attack_table())
    if (row.needs_one_model_alone()) others.push_back(row.name);
  fail(Category::config,
       "{} needs {}, and what is decided here has one model's outputs alone; `miaudit audit` runs it. Choose one of {}",
       attack.name, attack.needs_references() ? "reference models" : "what records hold (features)",
       fmt::join(others, ", "));
}

Prediction predict(const Records& known, const Outputs& evaluate, std::span<const int32_t> evaluate_labels,
                   const PredictPlan& plan, const Context& context) {
  check_predict(plan);
  const AttackRow& attack = find_attack(plan.attack);
  if (plan.fpr < 0 || plan.fpr >= 1)
    fail(Category::config, "--fpr {} was given; expected a share above 0 and below 1, or 0 for the attack's own rule",
         plan.fpr);
  check_fpr(plan.fpr, known);
  const auto given = plan.parameters.find(attack.name);
  const Parameters parameters(attack.name, attack.parameters,
                              given == plan.parameters.end() ? decltype(given->second){} : given->second);
  check_alike(known.outputs, evaluate);
  if (attack.needs_labels() && (known.labels.empty() || evaluate_labels.empty()))
    fail(Category::config, "{} needs labels: give --member-labels, --nonmember-labels and --evaluate-labels",
         attack.name);
  if (known.outputs.classes < attack.min_classes)
    fail(Category::input,
         "with {} {} gives every record the same score; it needs {} or more; choose another with --attack",
         counted(known.outputs.classes, "class", "classes"), attack.name, attack.min_classes);

  const Outputs outputs = joined(known.outputs, evaluate);
  std::vector<int32_t> labels;
  if (!known.labels.empty() && !evaluate_labels.empty()) {
    labels = known.labels;
    labels.insert(labels.end(), evaluate_labels.begin(), evaluate_labels.end());
  }
  std::vector<int8_t> membership = known.membership;
  membership.resize(outputs.samples, -1);

  OutputsSignals signals(outputs, labels, context);
  const Evidence evidence{signals, outputs.samples, outputs.classes, labels};
  std::vector<double> scores;
  try {
    scores = score_all(attack, evidence, parameters, known, membership, context);
  } catch (const Error& error) {
    // An audit can leave an attack out; here there is no other, so what it cannot score is bad input.
    if (error.category() == Category::numeric) fail(Category::input, "{}", error.what());
    throw;
  }
  const std::span<const double> known_scores(scores.data(), known.size());

  const Threshold rule = decision_threshold(attack.decision, known_scores, known.membership, context);
  Prediction prediction;
  prediction.rule = rule_name(attack.decision);
  prediction.threshold = rule.value;
  prediction.member_mean = rule.member_mean;
  prediction.nonmember_mean = rule.nonmember_mean;
  if (plan.fpr > 0) {
    prediction.rule = "fpr";
    prediction.threshold = point_at_fpr(sort_scores(known_scores, known.membership, context), plan.fpr).threshold;
  }
  prediction.scores.assign(scores.begin() + static_cast<ptrdiff_t>(known.size()), scores.end());
  for (const double score : prediction.scores) prediction.membership.push_back(score >= prediction.threshold);
  check_unchanged(outputs);
  return prediction;
}

}  // namespace miaudit
