#include "miaudit/attack/features.h"
#include "miaudit/attack/rows.h"

namespace miaudit {
namespace {

constexpr ParameterRow kParameters[] = {
    {"l2", "penalty on the squared weights of standardised features, in records", RealParameter{1, 1e-6, 1e6}}};

void run(const Evidence& evidence, const KnownRecords& known, std::span<const uint32_t> to_score,
         const Parameters& parameters, const Context& context, std::span<double> scores) {
  const LogisticOptions options{.l2 = parameters.real("l2")};
  const auto fit = [&](const TrainingSet& data) { return fit_logistic(data, options, context); };
  score_by_classifier(evidence, known, to_score, fit, context, scores);
}

}  // namespace

constinit const AttackRow kClassifierAttack = {
    .name = "classifier",
    .summary = "Logistic regression on outputs, loss and label, fitted to known records of the other folds.",
    .needs = kNeedLabelsAndMembership,
    .parameters = kParameters,
    .citation = "Nasr et al. 2018, arXiv:1807.05852 (an attack model fitted to known members)",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = run,
    .effective_share = 0.5,
};

}  // namespace miaudit
