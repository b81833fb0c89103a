#include "miaudit/attack/rows.h"

namespace miaudit {
namespace {

std::vector<double> run(const Evidence& evidence, const Parameters&, const Context&) {
  return mean_over_queries(evidence.signals.signal("modified_entropy"), -1);
}

}  // namespace

constinit const AttackRow kModifiedEntropyAttack = {
    .name = "modified_entropy",
    .summary = "Minus an entropy that counts certainty in a wrong class as uncertainty.",
    .needs = kNeedLabels,
    .parameters = {},
    .citation = "Song & Mittal 2021, arXiv:2003.10595",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = run,
};

}  // namespace miaudit
