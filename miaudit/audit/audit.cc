#include "miaudit/audit/audit.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

#include "miaudit/attack/attack.h"
#include "miaudit/audit/checks.h"
#include "miaudit/audit/decision.h"
#include "miaudit/audit/measure.h"
#include "miaudit/audit/model_signals.h"
#include "miaudit/audit/outputs_signals.h"
#include "miaudit/audit/score.h"
#include "miaudit/audit/slices.h"
#include "miaudit/audit/verdict.h"
#include "miaudit/base/parallel.h"
#include "miaudit/base/version.h"
#include "miaudit/learn/learners.h"
#include "miaudit/metric/interval.h"
#include "miaudit/metric/roc.h"
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

/// The headline wherever it can run: measured to be ahead of every other at any number of reference models
/// (docs/attacks/stacked.md).
constexpr std::string_view kChosenAttack = "stacked";
/// With fewer, one in the target's place would have none on either side.
constexpr size_t kFewestTeachers = 4;

// What an attack lacks, whichever target it is run against, and what would enable it; "" where it lacks nothing.
std::string lack_of(const AttackRow& attack, const Evidence& evidence) {
  if (attack.needs_labels() && evidence.labels.empty())
    return "needs labels; give --labels (with --members: --member-labels and --nonmember-labels)";
  if (evidence.classes < attack.min_classes)
    return fmt::format("with {} its score is the same for every record; it needs {} or more",
                       counted(evidence.classes, "class", "classes"), attack.min_classes);
  if (attack.does_need(Need::features) && evidence.features.cols == 0)
    return "needs what the records hold; give --features, one row of numbers a record";
  return "";
}

// What this target has too few of for an attack; "" where it has enough.
std::string shortage_of(const AttackRow& attack, const Evidence& evidence, int folds) {
  if (attack.calibrates() && folds < 2)
    return "calibrates on records of other folds; give at least two members and two non-members (of two groups)";
  if (!attack.needs_references()) return "";
  const ReferenceSource* references = evidence.references;
  if (!references)
    return "needs reference models of other splits than the target's; give a run folder, or --reference-outputs and "
           "--reference-membership";
  if (attack.does_need(Need::references_out) && references->models_out() == 0)
    return "needs reference models that did not train on the records; too few records have one";
  if (attack.learns() && references->count() < kFewestTeachers)
    return fmt::format("puts reference models in the target's place; it needs {} or more", kFewestTeachers);
  const bool is_cut = references->models_in() == 0 && references->count() > 1;
  if (attack.does_need(Need::references_in) && references->models_in() == 0)
    return "needs reference models that trained on the records, in a design whose splits do not tell the target's";
  if (attack.does_need(Need::shadow_models) && is_cut)
    return "needs shadow models that trained on some of the records, in a design whose splits do not tell the target's";
  return "";
}

void describe_files(const std::vector<FileRecord>& files, const std::vector<Warning>& warnings, AuditResult& result) {
  for (const FileRecord& file : files)
    result.files.push_back(
        {file.role, file.path, file.element_type, {file.shape.begin(), file.shape.end()}, file.hash});
  for (const Warning& warning : warnings) result.warnings.push_back({warning.code, warning.message, warning.advice});
}

void describe_outputs(const Outputs& outputs, bool form_detected, Subject& subject) {
  subject.classes = outputs.classes;
  subject.queries = outputs.queries;
  subject.input_form = form_name(outputs.form);
  subject.form_detected = form_detected;
  subject.element_type = element_name(outputs.parts[0].values.type());
}

/// One model whose training set is guessed at.
struct Target {
  size_t model = 0;
  std::span<const int8_t> membership;
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
  std::span<const int64_t> groups;  ///< Whose records are alike: persons, or pairs of models.
  std::span<const int32_t> labels;
  std::span<const int32_t> first_labels;  ///< of one target's records, or empty
  std::span<const int64_t> people;        ///< of one target's records, or empty
  std::function<void()> forget;           ///< Gives back what the last attack's signals took.
};

// As many folds as asked for, fewer where either side is too small to be in each.
int count_folds(const Target& target, std::span<const int64_t> people, const AuditPlan& plan) {
  const auto count = [&](int8_t side) { return std::ranges::count(target.membership, side); };
  int64_t most = std::min(count(1), count(0));
  if (!people.empty())
    most = std::min(most, static_cast<int64_t>(std::set<int64_t>(people.begin(), people.end()).size()));
  return static_cast<int>(std::min<int64_t>(plan.folds, most));
}

Folds folds_of(const Target& target, const Trial& trial, const AuditPlan& plan) {
  const int count = count_folds(target, trial.people, plan);
  if (count < 2) return {count, {}};
  return make_folds(trial.first_labels, target.membership, trial.people, count, plan.measure.seed);
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

/// Why an attack could not score some targets, by their places.
using Shortages = std::map<size_t, std::string>;

/// One attack's scores for every target, and the truth of those that have one.
struct Scored {
  std::vector<double> scores;
  std::vector<int8_t> without_unscored;  ///< The truth, −1 for records without a score; empty where all have one.
  uint64_t unscored = 0;
  Shortages shortages;
  std::span<const int8_t> membership(const Trial& trial) const {
    return without_unscored.empty() ? trial.membership : without_unscored;
  }
};

Scored score_targets(const AttackRow& attack, const AuditPlan& plan, const Trial& trial, const Context& context) {
  Scored scored;
  const Parameters parameters = parameters_of(attack, plan.parameters);
  const size_t size = trial.targets.front().membership.size();
  std::mutex mutex;
  // What one of several targets lacks must not cost the others their figures.
  const auto unless_short = [&](size_t t, const auto& score) {
    try {
      const std::shared_ptr<const Evidence> evidence = trial.evidence(t);
      const std::string shortage = shortage_of(attack, *evidence, count_folds(trial.targets[t], trial.people, plan));
      if (!shortage.empty()) fail(Category::numeric, "{}", shortage);
      return score(*evidence);
    } catch (const Error& error) {
      if (error.category() != Category::numeric || trial.targets.size() == 1) throw;
      const std::scoped_lock lock(mutex);
      scored.shortages.emplace(t, error.what());
      return std::vector<double>(size, NAN);
    }
  };
  const auto score = [&](size_t t, const Context& own) {
    return unless_short(t, [&](const Evidence& evidence) {
      const Folds folds = attack.calibrates() ? folds_of(trial.targets[t], trial, plan) : Folds();
      return score_records(attack, evidence, parameters, folds, trial.targets[t].membership, own);
    });
  };
  Context own;
  own.cancelled = context.cancelled;
  if (const LearntAttack* learn = std::get_if<LearntAttack>(&attack.run)) {
    scored.scores.resize(trial.targets.size() * size);
    for (const std::vector<size_t>& fold : trial.target_folds) {
      std::unique_ptr<const Lesson> lesson;
      std::optional<Error> unlearnt;
      try {
        lesson = (*learn)(*trial.teachers(fold), parameters, context);
      } catch (const Error& error) {
        unlearnt = error;
      }
      const Context& each = fold.size() > 1 ? own : context;
      parallel_blocks(fold.size(), 1, context, [&](size_t k, size_t) {
        const std::vector<double> scores = unless_short(fold[k], [&](const Evidence& evidence) {
          if (unlearnt) throw Error(*unlearnt);
          return lesson->score(evidence, each);
        });
        std::ranges::copy(scores, scored.scores.begin() + static_cast<ptrdiff_t>(fold[k] * size));
      });
    }
  } else if (trial.targets.size() == 1) {
    scored.scores = score(0, context);
  } else {
    scored.scores.resize(trial.targets.size() * size);
    // Two at a time: a pair's models share what is known of their references.
    parallel_blocks(trial.targets.size(), 2, context, [&](size_t begin, size_t end) {
      for (size_t t = begin; t < end; ++t)
        std::ranges::copy(score(t, own), scored.scores.begin() + static_cast<ptrdiff_t>(t * size));
    });
  }
  if (scored.shortages.size() == trial.targets.size()) fail(Category::numeric, "{}", scored.shortages.begin()->second);
  if (!attack.needs_references() && scored.shortages.empty()) return scored;
  for (size_t k = 0; k < scored.scores.size(); ++k) {
    if (!std::isnan(scored.scores[k])) continue;
    if (scored.without_unscored.empty())
      scored.without_unscored.assign(trial.membership.begin(), trial.membership.end());
    scored.unscored += trial.membership[k] >= 0;
    scored.without_unscored[k] = -1;
  }
  for (const int8_t side : {int8_t{1}, int8_t{0}})
    if (std::ranges::find(scored.membership(trial), side) == scored.membership(trial).end())
      fail(Category::numeric, "no {} has the reference models that it needs", side ? "member" : "non-member");
  return scored;
}

TargetFigures figures_of(size_t model, std::span<const double> scores, std::span<const int8_t> membership, double worth,
                         const MeasureOptions& options, const Context& context) {
  TargetFigures figures;
  figures.model = model;
  figures.members = static_cast<uint64_t>(std::ranges::count(membership, int8_t{1}));
  figures.nonmembers = static_cast<uint64_t>(std::ranges::count(membership, int8_t{0}));
  if (figures.members == 0 || figures.nonmembers == 0) return figures;
  SortedScores sorted = sort_scores(scores, membership, context);
  sorted.worth = worth;
  figures.auc = auc_estimate(sorted, options.level, context);
  for (const double fpr : options.fprs) figures.tpr.push_back(tpr_at_fpr_estimate(sorted, fpr, options.level));
  return figures;
}

/// Why an attack can run against no target; "" where it can against one.
std::string obstacle(const AttackRow& attack, const Trial& trial, const AuditPlan& plan) {
  std::string first = lack_of(attack, *trial.evidence(0));
  if (!first.empty()) return first;
  for (size_t t = 0; t < trial.targets.size(); ++t) {
    std::string own = shortage_of(attack, *trial.evidence(t), count_folds(trial.targets[t], trial.people, plan));
    if (own.empty()) return "";
    if (t == 0) first = std::move(own);
  }
  return first;
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
    std::vector<std::string> models;
    for (const auto& [t, reason] : own) models.push_back(std::to_string(trial.targets[t].model));
    warnings.push_back(
        {"target_unscored",
         fmt::format("{}: no scores against model {}: {}", few_of(attacks), few_of(models), own.begin()->second),
         "figures of these attacks are of the other targets alone"});
  }
}

/// Runs and measures every attack that can be; scores of the strongest are handed back.
struct Strongest {
  std::vector<double> scores;
  std::vector<int8_t> membership;
  double worth = 1;
};
Strongest run_attacks(const Trial& trial, const AuditPlan& plan, const Context& context, const ScoreSink& sink,
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
  Strongest strongest;
  for (const AttackRow* attack : attacks) {
    context.report(attack->name, names.size(), attacks.size());
    Scored scored;
    try {
      scored = score_targets(*attack, plan, trial, context);
    } catch (const Error& error) {
      if (error.category() != Category::numeric) throw;
      result.skipped.push_back({std::string(attack->name), error.what()});
      // The reason stands with the attacks left out.
      result.warnings.push_back({"attack_skipped",
                                 fmt::format("{} was left out on account of these records", attack->name),
                                 "see why under the attacks left out; the figures of the others stand"});
      continue;
    }
    if (trial.forget) trial.forget();
    if (sink) sink(std::string(attack->name), scored.scores);
    for (double& score : scored.scores)
      if (std::isnan(score)) score = 0;  // of a record that does not count
    AttackResult found = result_of(*attack, parameters_of(*attack, plan.parameters));
    found.unscored = scored.unscored;
    shortages.emplace_back(found.name, std::move(scored.shortages));
    const ScoredRecords records{scored.scores, scored.membership(trial), trial.groups, attack->effective_share};
    CorrectedMetrics metrics = measure_corrected(records, plan.measure, attacks.size(), context);
    found.estimates = metrics.single;
    if (trial.targets.size() > 1) {
      const size_t size = first.membership.size();
      found.targets.resize(trial.targets.size());
      parallel_blocks(trial.targets.size(), 1, context, [&](size_t t, size_t) {
        found.targets[t] =
            figures_of(trial.targets[t].model, records.scores.subspan(t * size, size),
                       records.membership.subspan(t * size, size), attack->effective_share, plan.measure, {});
      });
    }
    if (!trial.people.empty()) {
      GroupMetrics groups = measure_groups(records, plan.measure, context);
      if (result.attacks.empty()) warn_of_mixed_groups(groups.mixed, result.warnings);
      found.group_estimates = std::move(groups.metrics);
    }
    if (attack->decision != DecisionRule::best_balanced_accuracy && folds >= 2 && trial.targets.size() == 1)
      found.decision = decide(attack->decision, scored.scores, trial.membership, folds_of(first, trial, plan),
                              plan.measure.level, context);

    const bool is_strongest = std::all_of(result.attacks.begin(), result.attacks.end(), [&](const AttackResult& other) {
      return *found.estimates.auc.value > *other.estimates.auc.value;
    });
    if (is_strongest) {
      strongest.membership.assign(records.membership.begin(), records.membership.end());
      strongest.scores = std::move(scored.scores);
      strongest.worth = attack->effective_share;
    }
    names.push_back(found.name);
    single.push_back(std::move(metrics.single));
    corrected.push_back(std::move(metrics.corrected));
    result.attacks.push_back(std::move(found));
  }
  warn_of_shortages(trial, shortages, result.warnings);
  if (names.empty()) {
    std::string reasons;
    for (const Skipped& skipped : result.skipped) reasons += fmt::format("\n  {}: {}", skipped.name, skipped.reason);
    fail(Category::input, "none of the attacks asked for can run on these records:{}", reasons);
  }
  const size_t chosen = static_cast<size_t>(std::ranges::find(names, kChosenAttack) - names.begin());
  result.headline =
      chosen < names.size() ? headline_of(names[chosen], single[chosen], names.size()) : strongest_of(names, corrected);
  warn_of_inversion(inverted(names, corrected),
                    "that labels belong to these rows, and that the outputs are what --input says", result.warnings);
  return strongest;
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
  for (const AttackResult& attack : result.attacks) {
    if (attack.unscored == 0 || !find_attack(attack.name).needs_references()) continue;
    result.warnings.push_back(
        {"unscored_records",
         fmt::format("{} had too few reference models for {}, and {} not counted there (`unscored` has each attack's)",
                     counted(attack.unscored, "record"), attack.name, attack.unscored == 1 ? "is" : "are"),
         "train more models; `miaudit shadow plan --design pairs` gives every record as many on either side"});
    return;
  }
}

void finish(const Trial& trial, const Strongest& strongest, const Records& first, const AuditPlan& plan,
            const Context& context, AuditResult& result) {
  const ScoredRecords scored{strongest.scores, strongest.membership, trial.groups, strongest.worth};
  result.slices = slice_by_class(scored, trial.labels, result.subject.classes, plan.measure.level, context);
  result.self_checks = check_audit(first, scored, plan.measure.seed, context);
  add_check_warnings(*result.self_checks, result.warnings);
  conclude(result);
}

}  // namespace

AuditResult audit(const Records& records, const AuditPlan& plan, const Context& context, const ScoreSink& sink) {
  check_plan(plan);
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
                    records.labels,
                    records.labels,
                    records.groups,
                    [&] { signals.forget(); }};
  const Strongest strongest = run_attacks(trial, plan, context, sink, result);
  finish(trial, strongest, records, plan, context, result);
  return result;
}

AuditResult audit(const Models& models, std::span<const size_t> targets, std::span<const int64_t> people,
                  const AuditPlan& plan, const Context& context, const ScoreSink& sink) {
  check_plan(plan);
  AuditResult result = begin_result(plan);
  describe_files(models.files, models.warnings, result);
  for (const Warning& missing : models.missing)
    result.warnings.push_back({missing.code, missing.message + "; it was left out", missing.advice});
  describe_outputs(models.models.front().outputs, models.form_detected, result.subject);
  check_memory(targets.size(), models.records(), plan.memory);

  // Several targets are scored beside each other, one a thread.
  Context one_thread;
  one_thread.cancelled = context.cancelled;
  ModelSignals signals(models, context, targets.size() > 1 ? one_thread : context, plan.memory);
  Trial trial;
  std::vector<int8_t> membership;
  std::vector<int64_t> pairs;
  std::vector<int32_t> labels;
  for (const size_t t : targets) {
    const std::vector<int8_t> own = audited_membership(models, t);
    membership.insert(membership.end(), own.begin(), own.end());
    labels.insert(labels.end(), models.labels.begin(), models.labels.end());
    pairs.insert(pairs.end(), models.records(), static_cast<int64_t>(models.families[t]));
  }
  for (size_t t = 0; t < targets.size(); ++t)
    trial.targets.push_back(
        {models.models[targets[t]].number, std::span(membership).subspan(t * models.records(), models.records())});
  trial.evidence = [&](size_t t) {
    auto target = std::make_shared<const TargetEvidence>(signals, targets[t], plan.measure.seed);
    return std::shared_ptr<const Evidence>(target, &target->evidence());
  };
  trial.target_folds = folds_of_targets(models, signals.order(), targets);
  trial.teachers = [&](std::span<const size_t> fold) {
    std::vector<size_t> barred;
    for (const size_t t : fold) barred.push_back(models.families[targets[t]]);
    // By label alone: folds that followed the target's membership would tell of it.
    const std::vector<uint32_t> strata = models.labels.empty()
                                             ? std::vector<uint32_t>(models.records())
                                             : std::vector<uint32_t>(models.labels.begin(), models.labels.end());
    return std::make_unique<ReferenceTeachers>(signals, std::move(barred),
                                               assign_folds(strata, people, plan.folds, plan.measure.seed), plan.folds,
                                               plan.measure.seed);
  };
  trial.forget = [&] { signals.settle(); };
  trial.membership = membership;
  trial.labels = labels;
  trial.first_labels = models.labels;
  trial.people = people;
  // Records of one target err together, and so do a pair's, of which one is the other turned round.
  const bool has_pairs = !pairs.empty() && pairs.front() != pairs.back();
  trial.groups = has_pairs ? std::span<const int64_t>(pairs) : people;

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

  const Strongest strongest = run_attacks(trial, plan, context, sink, result);
  warn_of_unscored(result);
  Records first;
  first.outputs = models.models[targets.front()].outputs;
  first.labels = models.labels;
  first.membership.assign(trial.targets.front().membership.begin(), trial.targets.front().membership.end());
  finish(trial, strongest, first, plan, context, result);
  return result;
}

}  // namespace miaudit
