#include "miaudit/attack/rows.h"

namespace miaudit {
namespace {

std::vector<double> run(const Evidence& evidence, const Parameters&, const Context&) {
  return mean_over_queries(evidence.signals.signal("max_probability"), 1);
}

}  // namespace

constinit const AttackRow kMaxProbabilityAttack = {
    .name = "max_probability",
    .summary = "The largest probability, whatever the label: for audits without labels.",
    .needs = {},
    .parameters = {},
    .citation = "Salem et al. 2019, arXiv:1806.01246",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = run,
};

}  // namespace miaudit
