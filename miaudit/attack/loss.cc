#include "miaudit/attack/rows.h"

namespace miaudit {
namespace {

std::vector<double> run(const Evidence& evidence, const Parameters&, const Context&) {
  return mean_over_queries(evidence.signals.signal("loss"), -1);
}

}  // namespace

constinit const AttackRow kLossAttack = {
    .name = "loss",
    .summary = "Minus the cross-entropy loss: members have been fitted.",
    .needs = kNeedLabels,
    .parameters = {},
    .citation = "Yeom et al. 2018, doi:10.1109/CSF.2018.00027",
    .decision = DecisionRule::member_mean,
    .run = run,
};

}  // namespace miaudit
