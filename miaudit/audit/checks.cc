#include "miaudit/audit/checks.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "miaudit/audit/record_checks.h"
#include "miaudit/base/rng.h"
#include "miaudit/math/distributions.h"
#include "miaudit/metric/interval.h"
#include "miaudit/metric/roc.h"

namespace miaudit {
namespace {

// Wide enough that a sound audit hardly ever fails its own check.
constexpr double kCheckLevel = 0.9999;
constexpr size_t kPlantedRecords = 20000;

bool holds(const Estimate& estimate, double truth) {
  return estimate.low && estimate.high && *estimate.low <= truth && truth <= *estimate.high;
}

/// Of very many scores, some that lie evenly among them: the check is of the figures, not of the scores.
Estimate null_of_some(const ScoredRecords& scored, uint64_t seed, const Context& context) {
  constexpr size_t kMost = size_t{1} << 21;
  const size_t step = scored.scores.size() / kMost + 1;
  std::vector<double> scores;
  std::vector<int8_t> membership;
  for (const int8_t side : {int8_t{0}, int8_t{1}}) {
    size_t place = 0, next = 0;
    for (size_t i = 0; i < scored.scores.size(); ++i) {
      const bool is_own = scored.membership[i] == side;
      if (is_own & (place == next)) {  // one branch, seldom taken
        scores.push_back(scored.scores[i]);
        membership.push_back(side);
        next += step;
      }
      place += is_own;
    }
  }
  return permutation_null(scores, membership, kCheckLevel, seed, context);
}

}  // namespace

SelfChecks check_audit(const Records& records, const ScoredRecords& scored, uint64_t seed, const Context& context) {
  SelfChecks checks;
  checks.permutation_null = null_of_some(scored, seed, context);
  checks.permutation_null_passed = holds(*checks.permutation_null, 0.5);

  // Normal scores with members shifted by one deviation: the true AUC is Φ(1/√2).
  checks.planted_leak_truth = normal_cdf(1 / std::numbers::sqrt2);
  const size_t planted = std::min(records.size(), kPlantedRecords);
  std::vector<double> planted_scores(planted);
  std::vector<int8_t> truth(planted);
  Rng rng(seed, 1);
  for (size_t i = 0; i < planted; ++i) {
    truth[i] = static_cast<int8_t>(i % 2);
    planted_scores[i] = rng.normal() + truth[i];
  }
  checks.planted_leak = auc_estimate(sort_scores(planted_scores, truth, context), kCheckLevel, context);
  checks.planted_leak_passed = holds(*checks.planted_leak, checks.planted_leak_truth);

  checks.duplicates = count_duplicates(records, context);
  checks.class_balance_p = class_balance_p(records);
  checks.label_fit = label_fit(records);
  return checks;
}

void add_check_warnings(const SelfChecks& checks, std::vector<Notice>& warnings) {
  if (!checks.permutation_null_passed)
    warnings.push_back({"permutation_null_failed",
                        "under shuffled membership the AUC's interval does not hold 0.5: the figures cannot be trusted",
                        "report this as a fault of miaudit, with the seed"});
  if (!checks.planted_leak_passed)
    warnings.push_back({"planted_leak_missed", "a planted leak was not measured right: the figures cannot be trusted",
                        "report this as a fault of miaudit, with the seed"});
  if (checks.duplicates > 0)
    warnings.push_back({"duplicates",
                        fmt::format("exactly the outputs{} of a member: {}", checks.class_balance_p ? " and label" : "",
                                    counted(checks.duplicates, "non-member")),
                        "look for records that are on both sides; if there are such, the leak is understated: remove "
                        "them and audit again"});
  if (checks.label_fit && is_unfit(*checks.label_fit))
    warnings.push_back({"labels_unfit",
                        fmt::format("the model is right in {:.1f} % of records, no more than by chance ({:.1f} %)",
                                    100 * checks.label_fit->accuracy, 100 * checks.label_fit->by_chance),
                        "check that labels belong to these rows, in this order, and number classes as the outputs' "
                        "columns do; if not, "
                        "attacks that use them miss what leaks"});
  if (checks.class_balance_p && *checks.class_balance_p < 1e-4)
    warnings.push_back({"class_mix",
                        fmt::format("members and non-members differ in their mix of classes (chi-squared p = {:.1e})",
                                    *checks.class_balance_p),
                        "attacks may be telling classes apart rather than membership: draw both sides from one "
                        "distribution"});
}

uint64_t nonmembers_for(double fpr) {
  // Beyond this a count says no more than that nobody has as many.
  constexpr double kMost = 1e15;
  return static_cast<uint64_t>(std::llround(std::min(1 / fpr, kMost)));
}

bool are_too_few(uint64_t nonmembers, double fpr) {
  return fpr < 1 / static_cast<double>(nonmembers);
}

void warn_of_few_nonmembers(uint64_t nonmembers, std::span<const double> fprs, std::vector<Notice>& warnings) {
  for (const double fpr : fprs)
    if (are_too_few(nonmembers, fpr))
      warnings.push_back(
          {"few_nonmembers",
           fmt::format("{} {} not allow an estimate of the TPR at an FPR of {}; only its bounds are given",
                       counted(nonmembers, "non-member"), nonmembers == 1 ? "does" : "do", fpr),
           fmt::format("audit at least {} non-members", grouped(nonmembers_for(fpr)))});
}

void warn_of_mixed_groups(uint64_t mixed, std::vector<Notice>& warnings) {
  if (mixed == 0) return;
  warnings.push_back({"mixed_groups",
                      fmt::format("no group-level score for {} with members and non-members, or with unknown records",
                                  counted(mixed, "group")),
                      "check --groups; a person with records on both sides is a member by one of them"});
}

void note_intervals(uint32_t replicates, AuditResult& result) {
  const auto is_by = [](std::string_view method, const Metrics& metrics) {
    const auto is_so = [method](const Estimate& estimate) { return estimate.method == method; };
    return is_so(metrics.auc) ||
           std::ranges::any_of(metrics.tpr_at_fpr, [&](const RateAtFpr& rate) { return is_so(rate.tpr); });
  };
  const auto is_any_by = [&](std::string_view method) {
    return std::ranges::any_of(result.attacks, [&](const AttackResult& attack) {
      return is_by(method, attack.estimates) || (attack.group_estimates && is_by(method, *attack.group_estimates));
    });
  };
  for (const char* method : {"bca_bootstrap", "crossed_bootstrap"})
    if (is_any_by(method)) result.interval_method = method;
  if (replicates == 0 || result.interval_method != "analytic") return;
  const bool are_grouped = result.subject.targets > 1 || result.subject.groups > 0;
  result.warnings.push_back(
      {"bootstrap_unused",
       fmt::format("--bootstrap changed no interval: {}",
                   are_grouped ? "records that go together, as those of one person or under one target do, cannot be "
                                 "drawn one by one, and there are too few models or records to draw whole ones"
                               : "with so few records or replicates, or for scores that are learnt, its intervals "
                                 "would not cover what they claim"),
       "the analytic intervals hold (docs/statistics.md, Bootstrap); leave --bootstrap away"});
}

void warn_of_inversion(const std::vector<std::string>& names, std::string_view check, std::vector<Notice>& warnings) {
  if (names.empty()) return;
  warnings.push_back(
      {"below_chance", fmt::format("members surely score lower than non-members by {}", fmt::join(names, ", ")),
       fmt::format("check that membership is not swapped, {}; if all is right, the model leaks in a way that these "
                   "scores read backwards",
                   check)});
}

}  // namespace miaudit
