#include "miaudit/audit/model_trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "miaudit/audit/curve.h"
#include "miaudit/audit/fit.h"
#include "miaudit/audit/target_evidence.h"
#include "miaudit/audit/targets.h"
#include "miaudit/data/families.h"
#include "miaudit/learn/learners.h"

namespace miaudit {
namespace {

/// At most so many lessons for all targets.
constexpr size_t kTargetFolds = 4;

/// Several targets are scored beside each other, one a thread.
Context for_one(size_t targets, const Context& context) {
  if (targets == 1) return context;
  Context one_thread;
  one_thread.cancelled = context.cancelled;
  return one_thread;
}

}  // namespace

ModelTrial::ModelTrial(const Models& models, std::span<const size_t> asked, std::span<const int64_t> people,
                       const AuditPlan& plan, const Context& context)
    : models_(models),
      asked_(asked),
      people_(people),
      plan_(plan),
      each_(for_one(asked.size(), context)),
      signals_(models, context, each_, plan.memory) {
  order_targets();
  fold_targets();
  gather_records();
  for (size_t t = 0; t < targets_.size(); ++t)
    trial_.targets.push_back(
        {models.models[targets_[t]].number, std::span(membership_).subspan(t * models.records(), models.records())});
  if (targets_.size() > 1) trial_.together = signals_.expect(targets_, plan.measure.seed);
  trial_.evidence = [this](size_t t) { return evidence_of(t, {}); };
  trial_.teachers = [this](std::span<const size_t> fold) { return teachers_of(fold, {}); };
  trial_.forget = [this] { signals_.settle(); };
  if (needs_references(plan) && evidence_of(0, {})->references)
    trial_.at_once = targets_at_once(models, signals_.queries(), plan.memory);
  // The curve tells how long scoring took.
  if (models.scores && !plan.curve) trial_.stored = [this](const AttackRow& attack) { return stored_scores(attack); };
  trial_.membership = membership_;
  trial_.labels = models.labels;
  trial_.people = people;
}

/// An order that does not depend on how models are numbered, since sums over targets are rounded; a family's follow
/// each other.
void ModelTrial::order_targets() {
  std::set<size_t> seen;
  for (const size_t first : signals_.order()) {
    const size_t family = models_.families[first];
    if (std::ranges::find(asked_, first) == asked_.end() || !seen.insert(family).second) continue;
    for (const size_t m : signals_.order()) {
      if (models_.families[m] != family || std::ranges::find(asked_, m) == asked_.end()) continue;
      targets_.push_back(m);
      family_of_.push_back(static_cast<int64_t>(seen.size()) - 1);
    }
  }
}

/// A family's targets in one fold.
void ModelTrial::fold_targets() {
  const size_t families = static_cast<size_t>(family_of_.back()) + 1;
  trial_.target_folds.resize(std::min(kTargetFolds, families));
  for (size_t t = 0; t < targets_.size(); ++t)
    trial_.target_folds[static_cast<size_t>(family_of_[t]) % kTargetFolds].push_back(t);
}

/// Scores of one target err together, and so do a pair's, of which one is the other turned round; and so do scores of
/// one record, or of one person's.
void ModelTrial::gather_records() {
  const size_t records = models_.records(), all = targets_.size() * records;
  membership_.reserve(all);
  for (const size_t target : targets_) {
    const std::vector<int8_t> own = audited_membership(models_, target);
    membership_.insert(membership_.end(), own.begin(), own.end());
  }
  if (targets_.size() == 1) {
    trial_.groups = people_;
    return;
  }
  const bool has_families = family_of_.back() > 0;
  if (!has_families)
    for (size_t k = 0; k < all; ++k)
      groups_.push_back(people_.empty() ? static_cast<int64_t>(k % records) : people_[k % records]);
  trial_.groups = has_families ? std::span<const int64_t>(family_of_) : groups_;
  trial_.crossing = has_families ? records : 0;
}

std::shared_ptr<const Evidence> ModelTrial::evidence_of(size_t t, const std::vector<size_t>& barred) {
  const auto target = std::make_shared<const TargetEvidence>(signals_, targets_[t], plan_.measure.seed, barred);
  return {target, &target->evidence()};
}

std::optional<TargetScores> ModelTrial::stored_scores(const AttackRow& attack) {
  std::vector<size_t> numbers;
  for (const Target& target : trial_.targets) numbers.push_back(target.model);
  const Fit& fit = models_.scores->fit();
  if (!does_cover(fit, attack, numbers, plan_)) return {};
  std::map<size_t, size_t> place_of;
  for (const size_t number : fit.targets) place_of.emplace(number, place_of.size());
  std::vector<size_t> places;
  for (const size_t number : numbers) places.push_back(place_of.at(number));
  const ShardScores all = models_.scores->scores(attack.name, places);
  const auto of_fit = std::ranges::find(fit.attacks, attack.name, &Fit::OfAttack::name);
  for (const std::vector<std::string>* signals : {&of_fit->signals, &all.signals})
    for (const std::string& signal : *signals) signals_.note_asked(signal);
  TargetScores scored;
  scored.scores = all.scores;
  for (size_t t = 0; t < places.size(); ++t) {
    const Fit::OfTarget& own = of_fit->targets[places[t]];
    const std::string& shortage = own.shortage.empty() ? all.shortages[t] : own.shortage;
    if (!shortage.empty()) scored.shortages.emplace(t, shortage);
    if (attack.tune)
      for (const auto& [name, value] : own.settled) scored.tuned[name].insert(value);
  }
  return scored;
}

std::vector<size_t> ModelTrial::barred_by(std::span<const size_t> fold) const {
  std::vector<size_t> families;
  for (const size_t t : fold) {
    const std::vector<size_t> own = barred_families(models_, targets_[t]);
    families.insert(families.end(), own.begin(), own.end());
  }
  return families;
}

std::unique_ptr<Teachers> ModelTrial::teachers_of(std::span<const size_t> fold, std::vector<size_t> barred) {
  const std::vector<size_t> own = barred_by(fold);
  barred.insert(barred.end(), own.begin(), own.end());
  // By label alone: folds that followed the target's membership would tell of it.
  const std::vector<uint32_t> strata = models_.labels.empty()
                                           ? std::vector<uint32_t>(models_.records())
                                           : std::vector<uint32_t>(models_.labels.begin(), models_.labels.end());
  const size_t units = people_.empty() ? strata.size() : std::set<int64_t>(people_.begin(), people_.end()).size();
  const int folds = static_cast<int>(std::min<size_t>(static_cast<size_t>(plan_.folds), units));
  if (folds < 2) fail(Category::numeric, "scores records by what others taught it; give at least two groups");
  const uint64_t seed = plan_.measure.seed;
  return std::make_unique<ReferenceTeachers>(signals_, std::move(barred), assign_folds(strata, people_, folds, seed),
                                             folds, seed);
}

std::optional<Trial> ModelTrial::limited(size_t references) {
  const auto barred = std::make_shared<std::vector<std::vector<size_t>>>(targets_.size());
  for (const std::vector<size_t>& fold : trial_.target_folds) {
    const std::vector<size_t> of_fold = barred_by(fold);
    const auto past = families_past(signals_, of_fold, references, plan_.measure.seed);
    if (!past) return {};
    for (const size_t t : fold) {
      (*barred)[t] = *past;
      // One of the fold's other targets may not be a reference: its fold has chosen others.
      for (const size_t family : of_fold)
        if (family != models_.families[targets_[t]]) (*barred)[t].push_back(family);
    }
  }
  Trial fewer = trial_;
  fewer.stored = nullptr;
  fewer.evidence = [this, barred](size_t t) { return evidence_of(t, (*barred)[t]); };
  fewer.teachers = [this, barred](std::span<const size_t> fold) { return teachers_of(fold, (*barred)[fold.front()]); };
  return fewer;
}

std::string ModelTrial::unlike_references() {
  constexpr size_t kFewest = 3;
  constexpr double kDeviations = 5, kShare = 0.2, kLeast = 0.02;
  const std::vector<std::string> asked = signals_.asked();
  if (targets_.size() > 1 || std::ranges::find(asked, "loss") == asked.end()) return "";
  const auto mean_loss = [&](size_t model, int8_t side) {
    const std::span<const double> losses = signals_.values("loss", model);
    double sum = 0, count = 0;
    for (size_t i = 0; i < models_.records(); ++i) {
      if (!models_.audited[i] || models_.models[model].membership[i] != side) continue;
      ++count;
      for (size_t q = 0; q < signals_.queries(); ++q)
        sum += losses[i * signals_.queries() + q] / static_cast<double>(signals_.queries());
    }
    signals_.release();
    return sum / count;  // NaN where there are none, which is unlike nothing
  };
  const size_t target = targets_.front();
  const std::vector<size_t> barred = barred_families(models_, target);
  for (const int8_t side : {int8_t{1}, int8_t{0}}) {
    std::vector<double> others;
    for (size_t m = 0; m < models_.models.size(); ++m)
      if (!std::ranges::binary_search(barred, models_.families[m]))
        if (const double loss = mean_loss(m, side); std::isfinite(loss)) others.push_back(loss);
    if (others.size() < kFewest) continue;
    double mean = 0, squares = 0;
    for (const double loss : others) mean += loss / static_cast<double>(others.size());
    for (const double loss : others) squares += (loss - mean) * (loss - mean) / static_cast<double>(others.size() - 1);
    const double own = mean_loss(target, side), off = std::abs(own - mean);
    if (off > kDeviations * std::sqrt(squares) && off > kShare * mean + kLeast)
      return fmt::format("the target's mean loss of {} is {:.3g}, its references' {:.3g} to {:.3g}",
                         side == 1 ? "members" : "non-members", own, *std::ranges::min_element(others),
                         *std::ranges::max_element(others));
  }
  return "";
}

ScoreSink ModelTrial::in_asked_order(const ScoreSink& sink) const {
  if (!sink || targets_.size() == 1) return sink;
  return [this, &sink](const std::string& attack, std::span<const double> scores) {
    const size_t records = models_.records();
    std::vector<double> rows;
    rows.reserve(scores.size());
    for (const size_t target : asked_) {
      const size_t t = static_cast<size_t>(std::ranges::find(targets_, target) - targets_.begin());
      const std::span<const double> own = scores.subspan(t * records, records);
      rows.insert(rows.end(), own.begin(), own.end());
    }
    sink(attack, rows);
  };
}

}  // namespace miaudit
