#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "miaudit/attack/references.h"
#include "miaudit/base/context.h"
#include "miaudit/data/signals.h"

namespace miaudit {

/// What an attack may be given beside the target's outputs.
enum class Need {
  labels,
  known_membership,
  references_out,  ///< reference models that did not train on the record
  references_in,   ///< and as many that did
  shadow_models,   ///< a reference model with members and non-members among the records: one will do
  features,        ///< what the record holds, beside what the model makes of it
};
std::string_view need_name(Need need);

/// What an attack sees: signals of the target, never the truth.
struct Evidence {
  SignalSource& signals;
  size_t samples = 0;
  size_t classes = 0;
  std::span<const int32_t> labels;        ///< One a record, 0 … classes−1; empty when not given.
  ReferenceSource* references = nullptr;  ///< Null when there are none.
  std::span<const uint32_t> population =
      {};                                 ///< Records known to be in no model's training set, the target's included.
  MatrixView<const float> features = {};  ///< [samples][columns]; no columns when not given.
  std::span<const uint8_t> audited = {};  ///< 1 for the records that the audit is about; empty for all.
  size_t first = 0;                       ///< Of some of the records: where they begin among all.
};

/// Records whose membership a calibrating attack may know: those of the other folds, never the ones that it is to
/// score.
struct KnownRecords {
  std::span<const uint32_t> records;
  std::span<const uint8_t> membership;  ///< 1 member, 0 non-member, one for each of `records`.
};

/// A parameter's type, default and range follow from its alternatives.
struct IntegerParameter {
  int64_t fallback, low, high;
};
struct RealParameter {
  double fallback, low, high;
};
struct ChoiceParameter {
  std::string_view fallback;
  std::span<const std::string_view> choices;
};
struct ParameterRow {
  std::string_view name;  ///< snake_case; the flag is --<attack>-<name>, with hyphens.
  std::string_view summary;
  std::variant<IntegerParameter, RealParameter, ChoiceParameter> type;
};

/// Its flag on the command line.
std::string parameter_flag(std::string_view attack, std::string_view parameter);

/// An attack's parameters by name, each within its range.
class Parameters {
 public:
  /// Defaults, overridden by `given` (text, as on the command line). Throws Error(config) for an unknown name, a value
  /// that does not parse or is out of range.
  Parameters(std::string_view attack, std::span<const ParameterRow> rows,
             const std::map<std::string, std::string, std::less<>>& given);
  int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  std::string_view choice(std::string_view name) const;
  void set(std::string_view name, double value);
  void set(std::string_view name, std::string_view choice);
  /// Every value as text, defaults included: for provenance.
  const std::map<std::string, std::string, std::less<>>& values() const { return values_; }

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

/// How an attack turns scores into a decision: score >= threshold says member.
enum class DecisionRule {
  nonmember_mean,          ///< mean score of known non-members (the classic spread rule)
  member_mean,             ///< mean score of known members (Yeom et al. 2018)
  best_balanced_accuracy,  ///< the threshold with the largest TPR − FPR on known records
};
std::string_view rule_name(DecisionRule rule);

/// An attack that never sees the target's membership: scores every record; higher = more likely a member.
using PlainAttack = std::vector<double> (*)(const Evidence&, const Parameters&, const Context&);
/// As a plain attack, beside reference models and in two steps: fit() finds what follows from all records at once
/// (pooled variances, priors, the population's sorted ratios), as numbers for apply() alone, which then scores those
/// records that its evidence is of, all or some, each as it would among all. NaN for a record that has no reference
/// models on a side that is needed.
struct FittedAttack {
  std::vector<double> (*fit)(const Evidence&, const Parameters&, const Context&);
  std::vector<double> (*apply)(const Evidence&, std::span<const double> fitted, const Parameters&, const Context&);
};
/// An attack that calibrates on known records: writes scores[k] for to_score[k], given the membership of *others*. It
/// is called once a fold, so its scores must be comparable from fold to fold.
using CalibratedAttack = void (*)(const Evidence&, const KnownRecords&, std::span<const uint32_t> to_score,
                                  const Parameters&, const Context&, std::span<double> scores);

/// Reference models in the target's place, from which an attack learns what members look like. Neither the target nor
/// its partner is among them or among their references.
class Teachers {
 public:
  virtual ~Teachers() = default;
  virtual size_t count() const = 0;
  /// One of them, made when asked for.
  virtual std::unique_ptr<PseudoTarget> teacher(size_t t) = 0;
  /// A fold of each record, 0 … folds−1: what scores a record must not have been fitted to it, under any model.
  virtual std::span<const uint8_t> fold_of() const = 0;
  virtual int folds() const = 0;
  virtual uint64_t seed() const = 0;
};
/// What an attack has learnt.
class Lesson {
 public:
  virtual ~Lesson() = default;
  /// As a plain attack, of a target that no teacher had for a reference or a partner.
  virtual std::vector<double> score(const Evidence&, const Context&) const = 0;
};
using LearntAttack = std::unique_ptr<const Lesson> (*)(Teachers&, const Parameters&, const Context&);

/// Chooses parameters by what is known of a target without its truth, of all records.
using Tuning = void (*)(const Evidence&, Parameters&, const Context&);

/// One row of the table of attacks: flags, listing, documentation check, contract tests and report follow from it.
struct AttackRow {
  std::string_view name;
  std::string_view summary;
  std::span<const Need> needs;
  std::span<const ParameterRow> parameters;
  std::string_view citation;
  DecisionRule decision;
  std::variant<PlainAttack, FittedAttack, CalibratedAttack, LearntAttack> run;
  /// Smallest number of classes with which the score is not the same for everybody.
  size_t min_classes = 2;
  /// Share of the records that an interval may count. The folds of a cross-fitted score with many fitted weights err
  /// together: without a leak its AUC varies √2 times as much as that of a score fixed beforehand, hence 1/2 there.
  double effective_share = 1;
  /// The attack whose parameters of the same names are its own too, where it is given none: that with models on both
  /// sides, of an attack without those that have the record.
  std::string_view online = "";
  Tuning tune = nullptr;  ///< Before a fitted attack runs; null where parameters are what was given.

  bool calibrates() const { return std::holds_alternative<CalibratedAttack>(run); }
  bool learns() const { return std::holds_alternative<LearntAttack>(run); }
  bool is_fitted() const { return std::holds_alternative<FittedAttack>(run); }
  bool does_need(Need need) const;
  bool takes(std::string_view parameter) const;
  bool needs_labels() const { return does_need(Need::labels); }
  /// Whether one model's outputs for records are all that it needs, beside labels and known membership.
  bool needs_one_model_alone() const {
    return !needs_references() && !does_need(Need::references_in) && !does_need(Need::features);
  }
  bool needs_references() const { return does_need(Need::references_out) || does_need(Need::shadow_models); }
};
std::span<const AttackRow> attack_table();
const AttackRow& find_attack(std::string_view name);  ///< Throws Error(config), naming the nearest.

/// Every record's score by a plain or a fitted attack.
std::vector<double> score_all(const AttackRow& attack, const Evidence& evidence, const Parameters& parameters,
                              const Context& context);

/// Mean of a signal over the queries of each record, times `sign`: the score of most attacks that need only the target.
std::vector<double> mean_over_queries(const SignalMatrix& signal, double sign);

}  // namespace miaudit
