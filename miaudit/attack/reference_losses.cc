// Attacks that hold a record's loss by the target against its losses by reference models.
#include "miaudit/attack/reference_scores.h"
#include "miaudit/attack/rows.h"

namespace miaudit {
namespace {

std::vector<double> reference(const Evidence& evidence, std::span<const double>, const Parameters&,
                              const Context& context) {
  const SignalMatrix& target = evidence.signals.signal("loss");
  const SidedValues references = evidence.references->values("loss");
  std::vector<double> scores(evidence.samples);
  parallel_blocks(evidence.samples, 1 << 10, context, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      // Counted over all queries before the division: a mean of shares would part ties in their last bit.
      size_t above = 0;
      size_t count = 0;
      for (size_t m = 0; m < references.values.size(); ++m) {
        if (references.sides[m][i] != 0) continue;
        for (size_t k = i * target.queries; k < (i + 1) * target.queries; ++k)
          above += references.values[m][k] >= target.values[k];
        count += target.queries;
      }
      scores[i] = static_cast<double>(above) / static_cast<double>(count);
    }
  });
  return scores;
}

std::vector<double> calibrated_loss(const Evidence& evidence, std::span<const double>, const Parameters&,
                                    const Context& context) {
  const SignalMatrix& target = evidence.signals.signal("loss");
  const std::vector<double>& out = evidence.references->means("loss").out.mean;
  return mean_of(evidence.samples, target.queries, context, [&](size_t k) { return out[k] - target.values[k]; });
}

std::vector<double> malt(const Evidence& evidence, std::span<const double>, const Parameters&, const Context& context) {
  const SignalMatrix& target = evidence.signals.signal("loss");
  const Moments& losses = evidence.references->means("loss");
  return mean_of(evidence.samples, target.queries, context,
                 [&](size_t k) { return (losses.in.mean[k] + losses.out.mean[k]) / 2 - target.values[k]; });
}

}  // namespace

constinit const AttackRow kReferenceAttack = {
    .name = "reference",
    .summary = "Share of models that did not train on the record whose loss on it is at least the target's.",
    .needs = kNeedOut,
    .parameters = {},
    .citation = "Ye et al. 2022, arXiv:2111.09679",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = FittedAttack{fit_nothing, reference},
};

constinit const AttackRow kCalibratedLossAttack = {
    .name = "calibrated_loss",
    .summary = "Mean loss of models that did not train on the record, minus the target's.",
    .needs = kNeedOut,
    .parameters = {},
    .citation = "Watson et al. 2022, arXiv:2111.08440",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = FittedAttack{fit_nothing, calibrated_loss},
};

constinit const AttackRow kMaltAttack = {
    .name = "malt",
    .summary = "Midway between the mean losses with and without the record, minus the target's.",
    .needs = kNeedInAndOut,
    .parameters = {},
    .citation = "Sablayrolles et al. 2019, arXiv:1908.11229",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = FittedAttack{fit_nothing, malt},
};

}  // namespace miaudit
