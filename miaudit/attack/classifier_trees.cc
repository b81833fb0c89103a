#include <algorithm>

#include "miaudit/attack/features.h"
#include "miaudit/attack/rows.h"

namespace miaudit {
namespace {

constexpr ParameterRow kParameters[] = {
    {"trees", "how many trees", IntegerParameter{100, 1, 10'000}},
    {"learning_rate", "share of each tree's correction that is taken", RealParameter{0.1, 0.001, 1}},
    {"max_leaves", "leaves of a tree at most", IntegerParameter{15, 2, 1024}},
    {"min_leaf_weight",
     "least sum of weight times p(1-p) in a leaf: 20 is 80 undecided records; never more than an eighth of all",
     RealParameter{20, 0, 1e6}}};

void run(const Evidence& evidence, const KnownRecords& known, std::span<const uint32_t> to_score,
         const Parameters& parameters, const Context& context, std::span<double> scores) {
  const TreesOptions options{.trees = static_cast<int>(parameters.integer("trees")),
                             .learning_rate = parameters.real("learning_rate"),
                             .max_leaves = static_cast<int>(parameters.integer("max_leaves")),
                             .min_leaf_weight = parameters.real("min_leaf_weight")};
  const auto fit = [&](const TrainingSet& data) {
    TreesOptions own = options;
    own.min_leaf_weight = std::min(options.min_leaf_weight, most_leaf_weight(data.labels.size()));
    return fit_trees(data, own, context);
  };
  score_by_classifier(evidence, known, to_score, fit, context, scores);
}

}  // namespace

constinit const AttackRow kClassifierTreesAttack = {
    .name = "classifier_trees",
    .summary = "Boosted trees on outputs, loss and label, fitted to known records of the other folds.",
    .needs = kNeedLabelsAndMembership,
    .parameters = kParameters,
    .citation = "Nasr et al. 2018, arXiv:1807.05852; Chen & Guestrin 2016, doi:10.1145/2939672.2939785",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = run,
    .effective_share = 0.5,
};

}  // namespace miaudit
