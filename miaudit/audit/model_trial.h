#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "miaudit/audit/model_signals.h"
#include "miaudit/audit/trial.h"

namespace miaudit {

/// Several models as targets, in turn: what their attacks may see, and whose records are alike.
class ModelTrial {
 public:
  /// All must outlive this object. asked: places in models.models. people: of the records, or empty.
  ModelTrial(const Models& models, std::span<const size_t> asked, std::span<const int64_t> people,
             const AuditPlan& plan, const Context& context);
  ModelTrial(const ModelTrial&) = delete;
  ModelTrial& operator=(const ModelTrial&) = delete;

  const Trial& trial() const { return trial_; }
  ModelSignals& signals() { return signals_; }
  /// Places in models.models, in the trial's order.
  const std::vector<size_t>& targets() const { return targets_; }
  /// The same with so many reference models for every target; empty where some have fewer.
  std::optional<Trial> limited(size_t references);
  /// What tells that a single target was not trained as its references were: its mean loss of members or non-members
  /// lies far from all of theirs. "" where it does not, and where no attack asked for their losses.
  std::string unlike_references();
  /// Hands on the scores of the targets, one row each, in the order that they were asked for in.
  ScoreSink in_asked_order(const ScoreSink& sink) const;

 private:
  std::shared_ptr<const Evidence> evidence_of(size_t t, const std::vector<size_t>& barred);
  std::unique_ptr<Teachers> teachers_of(std::span<const size_t> fold, std::vector<size_t> barred);
  void order_targets();
  void fold_targets();
  void gather_records();
  /// What shards made of an attack by a fit of the same plan.
  std::optional<TargetScores> stored_scores(const AttackRow& attack);
  std::vector<size_t> barred_by(std::span<const size_t> fold) const;

  const Models& models_;
  const std::span<const size_t> asked_;
  const std::span<const int64_t> people_;
  const AuditPlan& plan_;
  const Context each_;  ///< What work on a single target may use.
  ModelSignals signals_;
  std::vector<size_t> targets_;
  std::vector<int64_t> family_of_;  ///< of the targets: 0, 1, … in their order
  std::vector<int8_t> membership_;
  std::vector<int64_t> groups_;
  Trial trial_;
};

}  // namespace miaudit
