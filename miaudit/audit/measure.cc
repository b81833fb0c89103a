#include "miaudit/audit/measure.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "miaudit/audit/checks.h"
#include "miaudit/base/version.h"
#include "miaudit/metric/advantage_interval.h"
#include "miaudit/metric/interval.h"
#include "miaudit/metric/roc.h"

namespace miaudit {
namespace {

constexpr size_t kCurvePoints = 200;
/// A bootstrap knows no more of a tail than what lies in it. With fewer replicates or records than this there, its
/// intervals hold the truth too seldom (docs/statistics.md has the figures), and the analytic ones stand.
constexpr double kLeastInATail = 5;

double tpr_at(const SortedScores& sorted, double fpr) {
  return static_cast<double>(point_at_fpr(sorted, fpr).true_positives) / static_cast<double>(sorted.members.size());
}

// The figures with their intervals at several levels; what does not depend on the level is computed once.
class Figures {
 public:
  /// grouped: where the records have groups, else null.
  Figures(const ScoredRecords& records, const PartedGroups* grouped, const SortedScores& sorted,
          const MeasureOptions& options, const Context& context)
      : records_(records), grouped_(grouped), sorted_(sorted), options_(options), context_(context) {}

  std::vector<Metrics> at(std::span<const double> levels) const {
    const std::vector<Estimate> aucs = auc(levels);
    const std::vector<Estimate> advantages = advantage(levels);
    std::vector<std::vector<Estimate>> tprs;  // [fprs][levels]
    for (const double fpr : options_.fprs) tprs.push_back(tpr(fpr, levels));
    std::vector<Metrics> all(levels.size());
    for (size_t k = 0; k < levels.size(); ++k) {
      Metrics& metrics = all[k];
      metrics.members = sorted_.members.size();
      metrics.nonmembers = sorted_.nonmembers.size();
      metrics.auc = aucs[k];
      metrics.advantage = advantages[k];
      metrics.balanced_accuracy = as_balanced_accuracy(advantages[k]);
      for (size_t f = 0; f < tprs.size(); ++f) {
        const double fpr = options_.fprs[f];
        RateAtFpr rate{fpr, tprs[f][k], {}, {}};
        const RocPoint point = point_at_fpr(sorted_, fpr);
        if (point.true_positives + point.false_positives > 0) rate.threshold = point.threshold;
        metrics.tpr_at_fpr.push_back(std::move(rate));
      }
    }
    return all;
  }

 private:
  // Resampling fixed scores cannot see that they err together, as a cross-fitted attack's do.
  bool bootstraps(double level) const {
    constexpr double kRounding = 1e-6;
    return records_.worth == 1 && options_.bootstrap * (1 - level) / 2 >= kLeastInATail - kRounding;
  }
  // Resamples that all agree, as those of perfectly ordered scores do, bound nothing.
  Estimate bca_or(const Estimate& analytic, const RocStatistic& statistic, double level) const {
    Estimate estimate = bca_estimate(sorted_, statistic, level, options_.bootstrap, options_.seed, context_);
    return estimate.low ? estimate : analytic;
  }

  std::vector<Estimate> auc(std::span<const double> levels) const {
    if (grouped_) return auc_estimates(*grouped_, levels, context_);
    std::vector<Estimate> estimates = auc_estimates(sorted_, levels, context_);
    const RocStatistic statistic = [this](const SortedScores& s) { return auc_moments(s, context_).auc; };
    const double fewer = static_cast<double>(std::min(sorted_.members.size(), sorted_.nonmembers.size()));
    for (Estimate& estimate : estimates) {
      const double rarer = std::min(*estimate.value, 1 - *estimate.value);
      if (bootstraps(estimate.level) && rarer * fewer >= kLeastInATail)
        estimate = bca_or(estimate, statistic, estimate.level);
    }
    return estimates;
  }
  std::vector<Estimate> advantage(std::span<const double> levels) const {
    if (grouped_) return advantage_estimates(*grouped_, levels, options_.seed, context_);
    // Never bootstrapped: a maximum over thresholds is biased upwards, and more so in every resample, so that most
    // bootstrap intervals of pure noise lie above 0.
    return advantage_estimates(sorted_, levels, options_.seed);
  }
  std::vector<Estimate> tpr(double fpr, std::span<const double> levels) const {
    if (grouped_) {
      Resamples resamples{.seed = options_.seed};
      if (options_.bootstrap) resamples.count = options_.bootstrap;
      return tpr_at_fpr_estimates(*grouped_, fpr, levels, resamples, context_);
    }
    std::vector<Estimate> estimates;
    for (const double level : levels) estimates.push_back(tpr_of_independent(fpr, level));
    return estimates;
  }
  Estimate tpr_of_independent(double fpr, double level) const {
    Estimate analytic = tpr_at_fpr_estimate(sorted_, fpr, level);
    const double found = static_cast<double>(point_at_fpr(sorted_, fpr).true_positives);
    const double missed = static_cast<double>(sorted_.members.size()) - found;
    const double accused = fpr * static_cast<double>(sorted_.nonmembers.size());
    if (!bootstraps(level) || std::min({found, missed, accused}) < kLeastInATail) return analytic;
    return bca_or(
        analytic, [fpr](const SortedScores& s) { return tpr_at(s, fpr); }, level);
  }

  const ScoredRecords& records_;
  const PartedGroups* grouped_;
  const SortedScores& sorted_;
  const MeasureOptions& options_;
  const Context& context_;
};

void add_details(Metrics& metrics, const SortedScores& sorted, const MeasureOptions& options) {
  for (RateAtFpr& rate : metrics.tpr_at_fpr)
    for (const double prior : options.priors)
      rate.precision.push_back({prior, precision_estimate(rate.tpr, rate.fpr, prior)});
  metrics.curve = outline_of(sorted, kCurvePoints);
}

}  // namespace

std::vector<CurvePoint> outline_of(const SortedScores& sorted, size_t points) {
  std::vector<CurvePoint> curve;
  for (const RocPoint& point : roc_outline(sorted, points))
    curve.push_back({static_cast<double>(point.false_positives) / static_cast<double>(sorted.nonmembers.size()),
                     static_cast<double>(point.true_positives) / static_cast<double>(sorted.members.size())});
  return curve;
}

CorrectedMetrics measure_corrected(const ScoredRecords& records, const MeasureOptions& options, size_t tries,
                                   const Context& context) {
  std::optional<PartedGroups> grouped;
  SortedScores ungrouped;
  if (records.groups.empty()) {
    ungrouped = sort_scores(records.scores, records.membership, context);
    ungrouped.worth = records.worth;
  } else {
    const auto people = records.crossing > 0 ? records.people : std::span<const int64_t>();
    grouped.emplace(
        GroupedScores{records.scores, records.membership, records.groups, records.worth, records.crossing, people},
        context);
  }
  const SortedScores& sorted = grouped ? grouped->sorted() : ungrouped;
  const Figures figures(records, grouped ? &*grouped : nullptr, sorted, options, context);
  std::vector<double> levels = {options.level};
  if (tries > 1) levels.push_back(1 - (1 - options.level) / static_cast<double>(tries));
  std::vector<Metrics> metrics = figures.at(levels);
  CorrectedMetrics both{metrics.front(), metrics.back()};
  add_details(both.single, sorted, options);
  return both;
}

void check_measure(const MeasureOptions& options) {
  if (!(options.level >= 0.5 && options.level < 1))
    fail(Category::config, "confidence level {} was asked for; expected 0.5 to below 1, such as 0.95", options.level);
  for (auto fpr = options.fprs.begin(); fpr != options.fprs.end(); ++fpr) {
    if (!(*fpr > 0 && *fpr < 1))
      fail(Category::config,
           "an FPR of {} was asked for; expected a share above 0 and below 1, such as 0.001 for 0.1 %", *fpr);
    if (std::find(options.fprs.begin(), fpr, *fpr) != fpr)
      fail(Category::config, "an FPR of {} was asked for twice; give each once", *fpr);
  }
  for (const double prior : options.priors)
    if (!(prior > 0 && prior < 1))
      fail(Category::config, "a prior of {} was asked for; expected a share above 0 and below 1", prior);
}

Metrics measure(const ScoredRecords& records, const MeasureOptions& options, const Context& context) {
  return measure_corrected(records, options, 1, context).single;
}

GroupScores group_scores(const ScoredRecords& records) {
  struct Sum {
    double scores = 0;
    size_t records = 0;
    int8_t membership = -1;
    bool mixed = false;
    bool is_known = false;  // someone's, where a record is
  };
  const std::span<const int64_t> of_model = records.people.empty() ? records.groups : records.people;
  std::unordered_map<int64_t, size_t> places;
  for (const int64_t name : of_model) places.try_emplace(name, places.size());
  GroupScores groups;
  for (size_t begin = 0; begin < records.scores.size(); begin += of_model.size()) {
    std::vector<Sum> sums(places.size());
    for (size_t k = 0; k < of_model.size(); ++k) {
      const int8_t membership = records.membership[begin + k];
      Sum& sum = sums[places.at(of_model[k])];
      if (sum.records == 0) sum.membership = membership;
      sum.scores += records.scores[begin + k];
      ++sum.records;
      sum.mixed |= sum.membership != membership;
      sum.is_known |= membership >= 0;
    }
    for (const Sum& sum : sums) {
      groups.known += sum.is_known;
      groups.mixed += sum.mixed;
      groups.scores.push_back(sum.scores / static_cast<double>(sum.records));
      groups.membership.push_back(sum.mixed ? int8_t{-1} : sum.membership);
    }
  }
  return groups;
}

GroupMetrics measure_groups(const ScoredRecords& records, const MeasureOptions& options, const Context& context) {
  const GroupScores groups = group_scores(records);
  GroupMetrics found{{}, groups.known, groups.mixed};
  if (std::ranges::count(groups.membership, 1) == 0 || std::ranges::count(groups.membership, 0) == 0) return found;
  ScoredRecords as_records{groups.scores, groups.membership, {}, records.worth};
  std::vector<int64_t> alike;
  if (!records.people.empty()) {
    const size_t models = records.scores.size() / records.people.size(), persons = groups.scores.size() / models;
    if (records.crossing > 0) {
      as_records.crossing = persons;
      as_records.groups = records.groups;
    } else {
      for (size_t k = 0; k < models * persons; ++k) alike.push_back(static_cast<int64_t>(k % persons));
      as_records.groups = alike;
    }
  }
  found.metrics = measure(as_records, options, context);
  return found;
}

AuditResult measure_scores(const ScoredRecords& records, const MeasureOptions& options, const Context& context) {
  AuditResult result;
  result.miaudit_version = version();
  result.seed = options.seed;
  result.level = options.level;
  AttackResult attack;
  attack.name = "scores";
  attack.summary = "Scores brought by the user; higher = more likely a member";
  attack.estimates = measure(records, options, context);
  result.subject.records = records.scores.size();
  result.subject.members = attack.estimates.members;
  result.subject.nonmembers = attack.estimates.nonmembers;
  result.subject.unknown = result.subject.records - result.subject.members - result.subject.nonmembers;
  result.subject.input_form = "scores";
  warn_of_few_nonmembers(result.subject.nonmembers, options.fprs, result.warnings);
  if (!records.groups.empty()) {
    GroupMetrics groups = measure_groups(records, options, context);
    result.subject.groups = groups.groups;
    warn_of_mixed_groups(groups.mixed, result.warnings);
    attack.group_estimates = std::move(groups.metrics);
  }
  if (attack.estimates.auc.high && *attack.estimates.auc.high < 0.5)
    warn_of_inversion({attack.name}, "and that a higher score means more likely a member", result.warnings);
  result.attacks.push_back(std::move(attack));
  note_intervals(options.bootstrap, result);
  return result;
}

}  // namespace miaudit
