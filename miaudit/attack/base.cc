#include "miaudit/attack/reference_scores.h"
#include "miaudit/attack/rows.h"

namespace miaudit {
namespace {

constexpr ParameterRow kOfflineParameters[] = {
    {"c", "how much of the difficulty, as models without the record see it, is taken off", RealParameter{0.33, 0, 1}}};

std::vector<double> online(const Evidence& evidence, std::span<const double>, const Parameters&,
                           const Context& context) {
  const LogMeanConfidences models(*evidence.references);
  const SignalMatrix& target = evidence.signals.signal("loss");
  return mean_of(evidence.samples, target.queries, context,
                 [&](size_t k) { return -target.values[k] - models.both(k); });
}

std::vector<double> offline(const Evidence& evidence, std::span<const double>, const Parameters& parameters,
                            const Context& context) {
  const LogMeanConfidences models(*evidence.references);
  const SignalMatrix& target = evidence.signals.signal("loss");
  const double c = parameters.real("c");
  return mean_of(evidence.samples, target.queries, context,
                 [&](size_t k) { return -target.values[k] - c * models.out(k); });
}

}  // namespace

constinit const AttackRow kBaseAttack = {
    .name = "base",
    .summary = "Log-confidence minus the log of the reference models' mean confidence, with and without the record.",
    .needs = kNeedInAndOut,
    .parameters = {},
    .citation = "Lassila et al. 2025, arXiv:2505.24089",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = FittedAttack{fit_nothing, online},
};

constinit const AttackRow kBaseOfflineAttack = {
    .name = "base_offline",
    .summary = "Log-confidence minus a part of the log of the mean confidence of models without the record.",
    .needs = kNeedOut,
    .parameters = kOfflineParameters,
    .citation = "Lassila et al. 2025, arXiv:2505.24089",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = FittedAttack{fit_nothing, offline},
};

}  // namespace miaudit
