#include "miaudit/attack/rows.h"

namespace miaudit {
namespace {

std::vector<double> run(const Evidence& evidence, const Parameters&, const Context&) {
  // log p_y orders as p_y does where p_y has long rounded to 1.
  return mean_over_queries(evidence.signals.signal("loss"), -1);
}

}  // namespace

constinit const AttackRow kConfidenceAttack = {
    .name = "confidence",
    .summary = "Log-probability of the true class; the scores of loss with the best threshold.",
    .needs = kNeedLabels,
    .parameters = {},
    .citation = "Song & Mittal 2021, arXiv:2003.10595",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = run,
};

}  // namespace miaudit
