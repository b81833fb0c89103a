// Attacks whose score is one signal of the target, with the sign that puts members higher.
#include <algorithm>

#include "miaudit/attack/rows.h"

namespace miaudit {
namespace {

template <size_t length>
struct SignalName {
  consteval SignalName(const char (&name)[length]) { std::copy_n(name, length, text); }
  char text[length];
};

template <SignalName signal, int sign>
std::vector<double> score(const Evidence& evidence, const Parameters&, const Context&) {
  return mean_over_queries(evidence.signals.signal(signal.text), sign);
}

}  // namespace

constinit const AttackRow kSpreadAttack = {
    .name = "spread",
    .summary = "How far a row, stretched to [0, 1], lies below its largest value on average: members stand out more.",
    .needs = {},
    .parameters = {},
    .citation = "The classic threshold attack; no paper is known to us as its source",
    .decision = DecisionRule::nonmember_mean,
    .run = score<"spread", 1>,
    .min_classes = 3,  // With two, the spread of every row is 1/2.
};

constinit const AttackRow kCorrectnessAttack = {
    .name = "correctness",
    .summary = "The model is right about the record: the gap attack, a floor for all others.",
    .needs = kNeedLabels,
    .parameters = {},
    .citation = "Yeom et al. 2018, doi:10.1109/CSF.2018.00027",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = score<"correctness", 1>,
};

constinit const AttackRow kLossAttack = {
    .name = "loss",
    .summary = "Minus the cross-entropy loss: members have been fitted.",
    .needs = kNeedLabels,
    .parameters = {},
    .citation = "Yeom et al. 2018, doi:10.1109/CSF.2018.00027",
    .decision = DecisionRule::member_mean,
    .run = score<"loss", -1>,
};

constinit const AttackRow kConfidenceAttack = {
    .name = "confidence",
    .summary = "Log-probability of the true class; the scores of loss with the best threshold.",
    .needs = kNeedLabels,
    .parameters = {},
    .citation = "Song & Mittal 2021, arXiv:2003.10595",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = score<"loss", -1>,  // log p_y orders as p_y does where p_y has long rounded to 1.
};

constinit const AttackRow kMaxProbabilityAttack = {
    .name = "max_probability",
    .summary = "The largest probability, whatever the label: for audits without labels.",
    .needs = {},
    .parameters = {},
    .citation = "Salem et al. 2019, arXiv:1806.01246",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = score<"max_probability", 1>,
};

constinit const AttackRow kEntropyAttack = {
    .name = "entropy",
    .summary = "Minus the entropy of the probabilities, whatever the label: for audits without labels.",
    .needs = {},
    .parameters = {},
    .citation = "Salem et al. 2019, arXiv:1806.01246",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = score<"entropy", -1>,
};

constinit const AttackRow kModifiedEntropyAttack = {
    .name = "modified_entropy",
    .summary = "Minus an entropy that counts certainty in a wrong class as uncertainty.",
    .needs = kNeedLabels,
    .parameters = {},
    .citation = "Song & Mittal 2021, arXiv:2003.10595",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = score<"modified_entropy", -1>,
};

constinit const AttackRow kMarginAttack = {
    .name = "margin",
    .summary = "The true class's logit less the largest other.",
    .needs = kNeedLabels,
    .parameters = {},
    .citation = "Carlini et al. 2022, arXiv:2112.03570 (the hinge statistic)",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = score<"margin", 1>,
};

}  // namespace miaudit
