#include "miaudit/attack/rows.h"

namespace miaudit {
namespace {

std::vector<double> run(const Evidence& evidence, const Parameters&, const Context&) {
  return mean_over_queries(evidence.signals.signal("correctness"), 1);
}

}  // namespace

constinit const AttackRow kCorrectnessAttack = {
    .name = "correctness",
    .summary = "The model is right about the record: the gap attack, a floor for all others.",
    .needs = kNeedLabels,
    .parameters = {},
    .citation = "Yeom et al. 2018, doi:10.1109/CSF.2018.00027",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = run,
};

}  // namespace miaudit
