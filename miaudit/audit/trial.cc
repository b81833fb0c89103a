#include "miaudit/audit/trial.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <optional>
#include <set>

#include "miaudit/audit/measure.h"
#include "miaudit/audit/targets.h"
#include "miaudit/base/parallel.h"
#include "miaudit/base/zeros.h"
#include "miaudit/metric/interval.h"
#include "miaudit/metric/roc.h"

namespace miaudit {
namespace {

/// With fewer, one in the target's place would have none on either side.
constexpr size_t kFewestTeachers = 4;
constexpr size_t kCurvePointsOfATarget = 64;

constexpr const char* kNeedsReferences =
    "needs reference models of other splits than the target's; give a run folder that has some, or --reference-outputs "
    "and --reference-membership";

// All that an attack lacks, whichever target it is run against, and what would enable it; "" where it lacks nothing.
std::string lack_of(const AttackRow& attack, const Evidence& evidence) {
  std::vector<std::string> lacks;
  if (attack.needs_labels() && evidence.labels.empty())
    lacks.emplace_back("needs labels; give --labels (with --members: --member-labels and --nonmember-labels)");
  if (evidence.classes < attack.min_classes)
    lacks.push_back(fmt::format("with {} its score is the same for every record; it needs {} or more",
                                counted(evidence.classes, "class", "classes"), attack.min_classes));
  if (attack.does_need(Need::features) && evidence.features.cols == 0)
    lacks.emplace_back("needs what the records hold; give --features, one row of numbers a record");
  if (!lacks.empty() && attack.needs_references() && !evidence.references) lacks.emplace_back(kNeedsReferences);
  return fmt::format("{}", fmt::join(lacks, "; and "));
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
  figures.curve = outline_of(sorted, kCurvePointsOfATarget);
  return figures;
}

}  // namespace

bool is_wanted(const AuditPlan& plan, std::string_view attack) {
  return std::ranges::any_of(plan.attacks, [&](const std::string& name) { return name == "all" || name == attack; });
}

bool needs_references(const AuditPlan& plan) {
  return std::ranges::any_of(attack_table(), [&](const AttackRow& attack) {
    return attack.needs_references() && is_wanted(plan, attack.name);
  });
}

std::string shortage_of(const AttackRow& attack, const Evidence& evidence, int folds) {
  if (attack.calibrates() && folds < 2)
    return "calibrates on records of other folds; give at least two members and two non-members (of two groups)";
  if (!attack.needs_references()) return "";
  const ReferenceSource* references = evidence.references;
  if (!references) return kNeedsReferences;
  if (attack.does_need(Need::references_out) && references->models_out() == 0)
    return "needs reference models that did not train on the records, in a design whose splits do not tell the "
           "target's; too few records have one";
  if (attack.learns() && references->count() < kFewestTeachers)
    return fmt::format("puts reference models in the target's place; it needs {} or more", kFewestTeachers);
  const bool is_cut = std::min(references->models_in(), references->models_out()) == 0 && references->count() > 1;
  if (attack.does_need(Need::references_in) && references->models_in() == 0)
    return "needs reference models that trained on the records, in a design whose splits do not tell the target's";
  if (attack.does_need(Need::shadow_models) && is_cut)
    return "needs shadow models that trained on some of the records and left others out, in a design whose splits do "
           "not tell the target's";
  return "";
}

Parameters parameters_of(const AttackRow& attack, const AttackParameters& given) {
  const auto given_to = [&](std::string_view name) {
    const auto found = given.find(name);
    return found == given.end() ? decltype(found->second){} : found->second;
  };
  auto own = given_to(attack.name);
  for (const auto& [name, value] : given_to(attack.online))
    if (attack.takes(name)) own.emplace(name, value);
  return Parameters(attack.name, attack.parameters, own);
}

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
  return make_folds(trial.labels, target.membership, trial.people, count, plan.measure.seed);
}

namespace {

TargetScores run_on_targets(const AttackRow& attack, const AuditPlan& plan, const Trial& trial,
                            const Context& context) {
  TargetScores scored;
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
      Parameters settled = parameters;
      if (attack.tune) {
        attack.tune(evidence, settled, own);
        const std::scoped_lock lock(mutex);
        for (const auto& [name, value] : settled.values()) scored.tuned[name].insert(value);
      }
      return score_records(attack, evidence, settled, folds, trial.targets[t].membership, own);
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
    scored.scores = zeros(trial.targets.size() * size, context);
    const Context few = with_threads_for(trial.at_once, context);
    parallel_blocks(trial.targets.size(), trial.together, few, [&](size_t begin, size_t end) {
      for (size_t t = begin; t < end; ++t)
        std::ranges::copy(score(t, own), scored.scores.begin() + static_cast<ptrdiff_t>(t * size));
    });
  }
  return scored;
}

/// As if they had just been computed.
TargetScores checked(const AttackRow& attack, const Trial& trial, TargetScores stored) {
  const size_t size = trial.targets.front().membership.size();
  for (size_t t = 0; t < trial.targets.size(); ++t) {
    const std::span<double> own = std::span(stored.scores).subspan(t * size, size);
    try {
      if (!stored.shortages.contains(t)) check_scores(attack, own);
    } catch (const Error& error) {
      if (trial.targets.size() == 1) throw;
      stored.shortages.emplace(t, error.what());
    }
    if (stored.shortages.contains(t)) std::ranges::fill(own, NAN);
  }
  return stored;
}

}  // namespace

TargetScores score_targets(const AttackRow& attack, const AuditPlan& plan, const Trial& trial, const Context& context) {
  std::optional<TargetScores> stored = trial.stored ? trial.stored(attack) : std::nullopt;
  TargetScores scored =
      stored ? checked(attack, trial, std::move(*stored)) : run_on_targets(attack, plan, trial, context);
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
      fail(Category::numeric,
           "it gives no {} a score: the reference models that it needs are not there, or their values are too large to "
           "compute with",
           side ? "member" : "non-member");
  return scored;
}

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

std::vector<TargetFigures> figures_by_target(const Trial& trial, std::span<const double> scores,
                                             std::span<const int8_t> membership, double worth,
                                             const MeasureOptions& options, const Context& context) {
  const size_t size = trial.targets.front().membership.size();
  std::vector<TargetFigures> figures(trial.targets.size());
  parallel_blocks(figures.size(), 1, context, [&](size_t t, size_t) {
    figures[t] = figures_of(trial.targets[t].model, scores.subspan(t * size, size), membership.subspan(t * size, size),
                            worth, options, {});
  });
  std::ranges::sort(figures, {}, &TargetFigures::model);
  return figures;
}

}  // namespace miaudit
