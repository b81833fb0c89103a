#include "miaudit/audit/decision.h"

#include <cmath>
#include <limits>

#include "miaudit/metric/interval.h"
#include "miaudit/metric/roc.h"

namespace miaudit {
namespace {

// A sum with its rounding error (Knuth's two-sum), so that a mean is rounded once.
class ExactSum {
 public:
  void add(double x) {
    const double sum = high_ + x;
    const double part = sum - high_;
    low_ += (high_ - (sum - part)) + (x - part);
    high_ = sum;
    ++count_;
  }
  void add(const ExactSum& other) {
    const uint64_t count = count_ + other.count_;
    add(other.high_);
    low_ += other.low_;
    count_ = count;
  }
  double mean() const {
    if (count_ == 0) return std::numeric_limits<double>::quiet_NaN();
    const double n = static_cast<double>(count_);
    const double quotient = (high_ + low_) / n;
    // One Newton step with the exact remainder mends the rounding of the division.
    return quotient + (std::fma(-quotient, n, high_) + low_) / n;
  }

 private:
  double high_ = 0;
  double low_ = 0;
  uint64_t count_ = 0;
};

// The mean of the rule's side over all folds but each.
std::vector<double> thresholds_without_folds(DecisionRule rule, std::span<const double> scores,
                                             std::span<const int8_t> membership, const Folds& folds) {
  if (rule == DecisionRule::best_balanced_accuracy) fail(Category::internal, "only rules by means are cross-fitted");
  const int8_t side = rule == DecisionRule::member_mean ? 1 : 0;
  std::vector<ExactSum> by_fold(static_cast<size_t>(folds.count));
  for (size_t i = 0; i < scores.size(); ++i)
    if (membership[i] == side) by_fold[folds.of[i]].add(scores[i]);
  std::vector<double> thresholds;
  for (size_t held_out = 0; held_out < by_fold.size(); ++held_out) {
    ExactSum others;
    for (size_t fold = 0; fold < by_fold.size(); ++fold)
      if (fold != held_out) others.add(by_fold[fold]);
    thresholds.push_back(others.mean());
  }
  return thresholds;
}

}  // namespace

Threshold decision_threshold(DecisionRule rule, std::span<const double> scores, std::span<const int8_t> membership,
                             const Context& context) {
  ExactSum sums[2];
  for (size_t i = 0; i < scores.size(); ++i)
    if (membership[i] >= 0) sums[membership[i]].add(scores[i]);
  Threshold threshold{0, sums[1].mean(), sums[0].mean()};
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
