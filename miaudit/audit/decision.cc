#include "miaudit/audit/decision.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "miaudit/math/sum.h"
#include "miaudit/metric/interval.h"
#include "miaudit/metric/roc.h"

namespace miaudit {
namespace {

double sum(std::span<const double> values) {
  return pairwise_sum(0, values.size(), [&](size_t k) { return values[k]; });
}

double mean(std::span<const double> values) {
  if (values.empty()) return NAN;
  // A thousand times 0.1 adds up to more, and none of them would be >= their mean.
  if (std::ranges::all_of(values, [&](double value) { return value == values[0]; })) return values[0];
  return sum(values) / static_cast<double>(values.size());
}

// The mean of the rule's side over all folds but each.
std::vector<double> thresholds_without_folds(DecisionRule rule, std::span<const double> scores,
                                             std::span<const int8_t> membership, const Folds& folds) {
  if (rule == DecisionRule::best_balanced_accuracy) fail(Category::internal, "only rules by means are cross-fitted");
  const int8_t side = rule == DecisionRule::member_mean ? 1 : 0;
  std::vector<std::vector<double>> by_fold(static_cast<size_t>(folds.count));
  for (size_t i = 0; i < scores.size(); ++i)
    if (membership[i] == side) by_fold[folds.of[i]].push_back(scores[i]);
  std::vector<double> thresholds;
  for (size_t held_out = 0; held_out < by_fold.size(); ++held_out) {
    double total = 0, count = 0;
    for (size_t fold = 0; fold < by_fold.size(); ++fold) {
      if (fold == held_out) continue;
      total += sum(by_fold[fold]);
      count += static_cast<double>(by_fold[fold].size());
    }
    thresholds.push_back(total / count);
  }
  return thresholds;
}

}  // namespace

Threshold decision_threshold(DecisionRule rule, std::span<const double> scores, std::span<const int8_t> membership,
                             const Context& context) {
  std::vector<double> sides[2];
  for (size_t i = 0; i < scores.size(); ++i)
    if (membership[i] >= 0) sides[membership[i]].push_back(scores[i]);
  Threshold threshold{0, mean(sides[1]), mean(sides[0])};
  switch (rule) {
    case DecisionRule::nonmember_mean:
      threshold.value = threshold.nonmember_mean;
      break;
    case DecisionRule::member_mean:
      threshold.value = threshold.member_mean;
      break;
    case DecisionRule::best_balanced_accuracy:
      threshold.value = best_advantage(sort_scores(scores, membership, context)).threshold;
      break;
  }
  return threshold;
}

Decision decide(DecisionRule rule, std::span<const double> scores, std::span<const int8_t> membership,
                const Folds& folds, double level, const Context& context) {
  const Threshold overall = decision_threshold(rule, scores, membership, context);
  Decision decision{std::string(rule_name(rule)), overall.value, overall.member_mean, overall.nonmember_mean, {}, {}};
  const std::vector<double> thresholds = thresholds_without_folds(rule, scores, membership, folds);
  uint64_t right[2] = {0, 0};
  uint64_t count[2] = {0, 0};
  for (size_t i = 0; i < scores.size(); ++i) {
    const double threshold = thresholds[folds.of[i]];
    // A fold that holds every known record of the side that the rule needs cannot be judged.
    if (membership[i] < 0 || std::isnan(threshold)) continue;
    ++count[membership[i]];
    right[membership[i]] += (scores[i] >= threshold) == (membership[i] == 1);
  }
  decision.member_accuracy = proportion_estimate(right[1], count[1], level);
  decision.nonmember_accuracy = proportion_estimate(right[0], count[0], level);
  return decision;
}

}  // namespace miaudit
