#include "miaudit/audit/measure.h"

#include <algorithm>
#include <unordered_map>

#include "miaudit/base/version.h"
#include "miaudit/metric/interval.h"
#include "miaudit/metric/roc.h"

namespace miaudit {
namespace {

constexpr size_t kCurvePoints = 200;

double tpr_at(const SortedScores& sorted, double fpr) {
  return static_cast<double>(point_at_fpr(sorted, fpr).true_positives) / static_cast<double>(sorted.members.size());
}

double largest_advantage(const SortedScores& sorted) {
  const RocPoint best = best_advantage(sorted);
  return static_cast<double>(best.true_positives) / static_cast<double>(sorted.members.size()) -
         static_cast<double>(best.false_positives) / static_cast<double>(sorted.nonmembers.size());
}

Estimate balanced_accuracy_of(Estimate advantage) {
  const auto halve = [](std::optional<double>& x) {
    if (x) x = 0.5 + 0.5 * *x;
  };
  halve(advantage.value);
  halve(advantage.low);
  halve(advantage.high);
  return advantage;
}

// The figures with their intervals at one level.
class Figures {
 public:
  Figures(const ScoredRecords& records, const SortedScores& sorted, const MeasureOptions& options,
          const Context& context)
      : records_(records), sorted_(sorted), options_(options), context_(context) {}

  Metrics at(double level) const {
    Metrics metrics;
    metrics.members = sorted_.members.size();
    metrics.nonmembers = sorted_.nonmembers.size();
    metrics.auc = auc(level);
    metrics.advantage = advantage(level);
    metrics.balanced_accuracy = balanced_accuracy_of(metrics.advantage);
    for (const double fpr : options_.fprs) {
      RateAtFpr rate{fpr, tpr(fpr, level), {}, {}};
      const RocPoint point = point_at_fpr(sorted_, fpr);
      if (point.true_positives + point.false_positives > 0) rate.threshold = point.threshold;
      metrics.tpr_at_fpr.push_back(std::move(rate));
    }
    return metrics;
  }

 private:
  bool bootstraps() const { return options_.bootstrap > 0; }
  Estimate bca(const RocStatistic& statistic, double level) const {
    return bca_estimate(sorted_, statistic, level, options_.bootstrap, options_.seed, context_);
  }
  GroupedScores by_group() const { return {records_.scores, records_.membership, records_.groups}; }

  Estimate auc(double level) const {
    if (!records_.groups.empty()) return auc_estimate(by_group(), level, context_);
    if (bootstraps()) return bca([this](const SortedScores& s) { return auc_moments(s, context_).auc; }, level);
    return auc_estimate(sorted_, level, context_);
  }
  Estimate advantage(double level) const {
    if (!records_.groups.empty()) return advantage_estimate(by_group(), level, options_.seed, context_);
    if (bootstraps()) return bca(largest_advantage, level);
    return advantage_estimate(sorted_, level, options_.seed);
  }
  Estimate tpr(double fpr, double level) const {
    if (!records_.groups.empty()) return tpr_at_fpr_estimate(by_group(), fpr, level, context_);
    // Below 1/(non-members) a bootstrap only repeats the sample's own extremes.
    if (bootstraps() && fpr * static_cast<double>(sorted_.nonmembers.size()) >= 1)
      return bca([fpr](const SortedScores& s) { return tpr_at(s, fpr); }, level);
    return tpr_at_fpr_estimate(sorted_, fpr, level);
  }

  const ScoredRecords& records_;
  const SortedScores& sorted_;
  const MeasureOptions& options_;
  const Context& context_;
};

void add_details(Metrics& metrics, const SortedScores& sorted, const MeasureOptions& options) {
  for (RateAtFpr& rate : metrics.tpr_at_fpr)
    for (const double prior : options.priors)
      rate.precision.push_back({prior, precision_estimate(rate.tpr, rate.fpr, prior)});
  for (const RocPoint& point : roc_outline(sorted, kCurvePoints))
    metrics.curve.push_back({static_cast<double>(point.false_positives) / static_cast<double>(metrics.nonmembers),
                             static_cast<double>(point.true_positives) / static_cast<double>(metrics.members)});
}

}  // namespace

CorrectedMetrics measure_corrected(const ScoredRecords& records, const MeasureOptions& options, size_t tries,
                                   const Context& context) {
  const SortedScores sorted = sort_scores(records.scores, records.membership, context);
  const Figures figures(records, sorted, options, context);
  CorrectedMetrics metrics;
  metrics.single = figures.at(options.level);
  const double corrected_level = 1 - (1 - options.level) / static_cast<double>(std::max<size_t>(tries, 1));
  metrics.corrected = tries > 1 ? figures.at(corrected_level) : metrics.single;
  add_details(metrics.single, sorted, options);
  return metrics;
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
  };
  std::unordered_map<int64_t, size_t> places;
  std::vector<Sum> sums;
  for (size_t i = 0; i < records.scores.size(); ++i) {
    const auto [place, is_new] = places.try_emplace(records.groups[i], sums.size());
    if (is_new) sums.push_back({0, 0, records.membership[i], false});
    Sum& sum = sums[place->second];
    sum.scores += records.scores[i];
    ++sum.records;
    sum.mixed |= sum.membership != records.membership[i] || records.membership[i] < 0;
  }
  GroupScores groups;
  for (const Sum& sum : sums) {
    groups.mixed += sum.mixed;
    if (sum.mixed) continue;
    groups.scores.push_back(sum.scores / static_cast<double>(sum.records));
    groups.membership.push_back(sum.membership);
  }
  return groups;
}

AuditResult measure_scores(const ScoredRecords& records, const MeasureOptions& options, const Context& context) {
  AuditResult result;
  result.miaudit_version = version();
  result.seed = options.seed;
  result.level = options.level;
  result.interval_method = options.bootstrap ? "bca" : "analytic";
  AttackResult attack;
  attack.name = "scores";
  attack.summary = "Scores brought by the user; higher = more likely a member";
  attack.estimates = measure(records, options, context);
  result.subject.records = records.scores.size();
  result.subject.members = attack.estimates.members;
  result.subject.nonmembers = attack.estimates.nonmembers;
  result.subject.unknown = result.subject.records - result.subject.members - result.subject.nonmembers;
  result.subject.input_form = "scores";
  if (!records.groups.empty()) {
    const GroupScores groups = group_scores(records);
    result.subject.groups = groups.scores.size() + groups.mixed;
    const auto members = std::count(groups.membership.begin(), groups.membership.end(), int8_t{1});
    if (members > 0 && static_cast<size_t>(members) < groups.membership.size())
      attack.group_estimates = measure({groups.scores, groups.membership, {}}, options, context);
  }
  result.attacks.push_back(std::move(attack));
  return result;
}

}  // namespace miaudit
