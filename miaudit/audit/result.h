#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "miaudit/metric/estimate.h"

namespace miaudit {

/// What an audit found, as plain data: everything that any report shows, and nothing that depends on the clock, the
/// threads or the machine's load, but for the seconds of the budget curve. docs/formats.md documents each field under
/// its name in result.json.

inline constexpr int kResultSchemaVersion = 1;

/// A file that was read, told apart by its contents.
struct InputFile {
  std::string role;
  std::string path;
  std::string element_type;
  std::vector<uint64_t> shape;
  std::string hash;
};

struct Notice {
  std::string code;
  std::string message;
  std::string advice;
};

/// What was audited.
struct Subject {
  uint64_t records = 0;
  uint64_t members = 0;
  uint64_t nonmembers = 0;
  uint64_t unknown = 0;
  uint64_t groups = 0;  ///< 0 when none were given.
  uint64_t classes = 0;
  uint64_t queries = 0;
  std::string input_form;  ///< "logits", "probabilities", "log-probabilities"; "scores" for `measure`.
  bool form_detected = false;
  std::string element_type;
  uint64_t population = 0;  ///< Records known to be in no training set, kept for attacks.
  uint64_t models = 0;      ///< With known splits, the targets among them; 0 without reference models.
  uint64_t targets = 1;
  uint64_t references = 0;      ///< Of the first target.
  uint64_t references_out = 0;  ///< Models of each record that did not train on it.
  uint64_t references_in = 0;   ///< Models of each record that did.
};

/// Precision among those called members, were members a share `prior` of all.
struct PrecisionAtPrior {
  double prior;
  Estimate estimate;
};
struct RateAtFpr {
  double fpr;
  Estimate tpr;
  std::optional<double> threshold;  ///< Lowest score called a member at this FPR; empty when nobody is.
  std::vector<PrecisionAtPrior> precision;
};
struct CurvePoint {
  double fpr;
  double tpr;
};

/// How well scores tell members from non-members.
struct Metrics {
  uint64_t members = 0;
  uint64_t nonmembers = 0;
  Estimate auc;
  Estimate balanced_accuracy;
  Estimate advantage;
  std::vector<RateAtFpr> tpr_at_fpr;
  std::vector<CurvePoint> curve;
};

/// The attack as a yes-or-no rule: score >= threshold says member.
struct Decision {
  std::string rule;
  double threshold = 0;  ///< From all known records.
  double member_mean = 0;
  double nonmember_mean = 0;
  /// Shares called rightly, each record by a threshold chosen on other folds.
  Estimate member_accuracy;
  Estimate nonmember_accuracy;
};

/// One attack's power on one part of the records.
struct Slice {
  std::string by;  ///< "class"
  std::string value;
  uint64_t members = 0;
  uint64_t nonmembers = 0;
  Estimate auc;  ///< Level corrected for the number of slices looked at.
};

/// One of several targets.
struct TargetFigures {
  uint64_t model = 0;  ///< Its number in the run.
  uint64_t members = 0;
  uint64_t nonmembers = 0;
  Estimate auc = {};
  std::vector<Estimate> tpr = {};  ///< At each FPR of the audit, in order.
  std::vector<CurvePoint> curve = {};
};

struct AttackResult {
  std::string name;
  std::string summary;
  std::string citation;
  std::vector<std::string> needs;
  std::map<std::string, std::string> parameters;
  Metrics estimates;
  std::optional<Metrics> group_estimates;  ///< One score a group: the mean over its records.
  std::optional<Decision> decision;
  std::vector<TargetFigures> targets;  ///< Where there are several.
  std::vector<double> released_tpr;    ///< At each FPR, as the released code of LiRA counts; only with its formulas.
  uint64_t unscored = 0;               ///< Records that lack the reference models it needs.
};

/// One attack's power with a given number of reference models.
struct BudgetFigures {
  std::string attack;
  uint64_t members = 0;  ///< With a score, over all targets.
  uint64_t nonmembers = 0;
  Estimate auc = {};
  std::vector<Estimate> tpr = {};           ///< At each FPR of the audit, in order.
  std::vector<TargetFigures> targets = {};  ///< Where there are several.
  double seconds = 0;                       ///< To score all targets. The one thing in a result that is not repeatable.
};
struct Skipped {
  std::string name;
  std::string reason;
};

struct BudgetPoint {
  uint64_t references = 0;  ///< Reference models of each target.
  std::vector<BudgetFigures> attacks = {};
  std::vector<Skipped> skipped = {};  ///< Attacks of the audit that so few models are too few for.
  std::string headline =
      {};  ///< Which of them an audit with so many would have chosen beforehand; "" where none is such.
};

/// The strongest of the attacks tried, figure by figure. Intervals are of the largest true figure among them and hold
/// for all attacks at once (Bonferroni).
struct HeadlineFigure {
  std::string attack;  ///< The one with the largest value.
  Estimate estimate;
  std::string surest = {};  ///< The one with the largest low end.
};
struct HeadlineRate {
  double fpr;
  HeadlineFigure figure;
};
struct Headline {
  uint64_t attacks_tried = 0;
  /// "none" of one attack, "bonferroni" of the strongest of several, "chosen_beforehand" of one named before any was
  /// run.
  std::string correction;
  HeadlineFigure auc;
  HeadlineFigure balanced_accuracy;
  HeadlineFigure advantage;
  std::vector<HeadlineRate> tpr_at_fpr;
};

/// Checks of the audit itself.
/// How often the largest output is the label's.
struct LabelFit {
  uint64_t records = 0;  ///< looked at: of very many some that lie evenly among them
  double accuracy = 0;
  double by_chance = 0;  ///< were outputs and labels of records that have nothing to do with each other
};

struct SelfChecks {
  std::optional<Estimate> permutation_null;  ///< AUC under shuffled membership; must hold 0.5.
  bool permutation_null_passed = true;
  std::optional<Estimate> planted_leak;  ///< AUC of scores with a known leak planted for these members …
  double planted_leak_truth = 0;         ///< … whose true AUC is this.
  bool planted_leak_passed = true;
  uint64_t duplicates = 0;                ///< Non-members whose outputs and label equal a member's.
  std::optional<LabelFit> label_fit;      ///< Where there are outputs and labels.
  std::optional<double> class_balance_p;  ///< Chi-squared test that members and non-members have one class mix.
};

struct GateResult {
  std::string text;
  std::string kind;  ///< "fail-if" or "fail-unless"
  bool failed = false;
  std::string explanation;
};

/// How often a record was found.
struct FoundShare {
  uint64_t count = 0;
  double low = 0;  ///< Of the share, exact for the threshold as it is.
  double high = 1;
};
struct ExposedRecord {
  uint64_t record = 0;            ///< Row in the input.
  std::string id = {};            ///< The user's name for it, where names were given.
  uint64_t trained = 0;           ///< Targets that trained on it.
  std::vector<FoundShare> found;  ///< At each FPR of the audit, in order, of `trained`.
  double separation = 0;          ///< Mean score as a member less mean score as a non-member (0 where never one).
  double rank = 0;                ///< 1 for the most exposed; equals share their mean place.
};
/// Shares that a threshold for each record finds, see metric/exposure.h.
struct PerRecordFigures {
  Estimate tpr;
  Estimate corrected_tpr;
  uint64_t records = 0;
};
struct ExposureRate {
  double fpr = 0;
  uint64_t found_ever = 0;     ///< Records found under a target.
  uint64_t found_by_half = 0;  ///< Records found under at least half of the targets that trained on them.
  std::optional<PerRecordFigures> per_record = {};
};
/// Which records are at risk.
struct Exposure {
  std::string attack;
  std::vector<ExposureRate> rates;  ///< At each FPR of the audit, in order.
  uint64_t trained = 0;             ///< Records that some target trained on.
  /// These, the most exposed first. Of one target no more than kShown: the rest follow in order of their scores.
  std::vector<ExposedRecord> records;
  static constexpr size_t kShown = 100;
};

/// Scores a minus scores b on the same records, paired.
struct Comparison {
  Estimate auc_difference;
  std::vector<RateAtFpr> tpr_difference;  ///< Without threshold or precision.
};

enum class Finding { leak, no_leak_found, inconclusive, not_assessed };

struct AuditResult {
  std::string miaudit_version;
  std::string kernel_target;
  uint64_t seed = 0;
  uint64_t folds = 0;
  double level = 0.95;
  /// "analytic", or "bca_bootstrap" or "crossed_bootstrap" where some intervals are by one.
  std::string interval_method = "analytic";
  std::vector<InputFile> files;
  Subject subject;
  std::vector<AttackResult> attacks;
  std::vector<Skipped> skipped;
  std::vector<BudgetPoint> budget_curve;  ///< Where it was asked for, by number of reference models.
  std::optional<Headline> headline;
  /// Where the headline was chosen beforehand: the strongest of all attacks, corrected for their number.
  std::optional<Headline> strongest;
  std::vector<Slice> slices;  ///< Of the headline's attack by AUC.
  std::optional<Exposure> exposure;
  std::optional<SelfChecks> self_checks;
  Finding finding = Finding::not_assessed;
  std::vector<std::string> verdict;  ///< Sentences.
  std::vector<Notice> warnings;
  std::vector<GateResult> gates;
  std::optional<Comparison> comparison;
};

}  // namespace miaudit
