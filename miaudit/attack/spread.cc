#include "miaudit/attack/rows.h"

namespace miaudit {
namespace {

std::vector<double> run(const Evidence& evidence, const Parameters&, const Context&) {
  return mean_over_queries(evidence.signals.signal("spread"), 1);
}

}  // namespace

constinit const AttackRow kSpreadAttack = {
    .name = "spread",
    .summary = "How far a row, stretched to [0, 1], lies below its largest value on average: members stand out more.",
    .needs = {},
    .parameters = {},
    .citation = "The classic threshold attack; no paper is known to us as its source",
    .decision = DecisionRule::nonmember_mean,
    .run = run,
    .min_classes = 3,  // With two, the spread of every row is 1/2.
};

}  // namespace miaudit
