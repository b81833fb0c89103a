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
  uint64_t right[2] = {0, 0};
  uint64_t count[2] = {0, 0};
  std::vector<int8_t> others(membership.begin(), membership.end());
  for (int fold = 0; fold < folds.count; ++fold) {
    for (size_t i = 0; i < others.size(); ++i) others[i] = folds.of[i] == fold ? int8_t{-1} : membership[i];
    const double threshold = decision_threshold(rule, scores, others, context).value;
    // A fold that holds every known record of the side that the rule needs cannot be judged.
    if (std::isnan(threshold)) continue;
    for (size_t i = 0; i < others.size(); ++i) {
      if (folds.of[i] != fold || membership[i] < 0) continue;
      ++count[membership[i]];
      right[membership[i]] += (scores[i] >= threshold) == (membership[i] == 1);
    }
  }
  decision.member_accuracy = proportion_estimate(right[1], count[1], level);
  decision.nonmember_accuracy = proportion_estimate(right[0], count[0], level);
  return decision;
}

}  // namespace miaudit
