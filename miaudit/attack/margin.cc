#include "miaudit/attack/rows.h"

namespace miaudit {
namespace {

std::vector<double> run(const Evidence& evidence, const Parameters&, const Context&) {
  return mean_over_queries(evidence.signals.signal("margin"), 1);
}

}  // namespace

constinit const AttackRow kMarginAttack = {
    .name = "margin",
    .summary = "The true class's logit less the largest other.",
    .needs = kNeedLabels,
    .parameters = {},
    .citation = "Carlini et al. 2022, arXiv:2112.03570 (the hinge statistic)",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = run,
};

}  // namespace miaudit
