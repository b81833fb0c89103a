#include <algorithm>

#include "miaudit/attack/rows.h"
#include "miaudit/learn/normal_regression.h"

namespace miaudit {
namespace {

/// More non-members than this teach no more.
constexpr size_t kMostRows = 100'000;

constexpr ParameterRow kParameters[] = {{"rounds", "pairs of boosted trees", IntegerParameter{100, 1, 2000}},
                                        {"learning_rate", "weight of each tree", RealParameter{0.1, 0.001, 1}},
                                        {"max_depth", "of each tree", IntegerParameter{4, 1, 12}}};

/// Rows of the records' features, with the label as a last column: what the model was asked about.
std::vector<float> rows_of(const Evidence& evidence, std::span<const uint32_t> records) {
  const size_t columns = evidence.features.cols;
  std::vector<float> rows;
  rows.reserve(records.size() * (columns + 1));
  for (const uint32_t i : records) {
    const std::span<const float> own = evidence.features.row(i);
    rows.insert(rows.end(), own.begin(), own.end());
    rows.push_back(static_cast<float>(evidence.labels[i]));
  }
  return rows;
}

void run(const Evidence& evidence, const KnownRecords& known, std::span<const uint32_t> to_score,
         const Parameters& parameters, const Context& context, std::span<double> scores) {
  const std::vector<double> margins = mean_over_queries(evidence.signals.signal("margin"), 1);
  const size_t width = evidence.features.cols + 1;
  std::vector<uint32_t> nonmembers;
  for (size_t k = 0; k < known.records.size() && nonmembers.size() < kMostRows; ++k)
    if (!known.membership[k]) nonmembers.push_back(known.records[k]);
  if (nonmembers.empty())
    fail(Category::numeric, "quantile calibrates on known non-members of the other folds; found none");
  std::vector<double> targets;
  targets.reserve(nonmembers.size());
  for (const uint32_t i : nonmembers) targets.push_back(margins[i]);
  const std::vector<float> learnt = rows_of(evidence, nonmembers);
  const NormalRegressionOptions options{.rounds = static_cast<int>(parameters.integer("rounds")),
                                        .learning_rate = parameters.real("learning_rate"),
                                        .max_depth = static_cast<int>(parameters.integer("max_depth"))};
  const auto regression = fit_normal_regression({learnt.data(), nonmembers.size(), width}, targets, options, context);

  const std::vector<float> asked = rows_of(evidence, to_score);
  std::vector<double> means(to_score.size()), deviations(to_score.size());
  regression->predict({asked.data(), to_score.size(), width}, means, deviations);
  for (size_t k = 0; k < to_score.size(); ++k) scores[k] = (margins[to_score[k]] - means[k]) / deviations[k];
}

}  // namespace

constinit const AttackRow kQuantileAttack = {
    .name = "quantile",
    .summary = "How many deviations the margin lies above what non-members with such features have.",
    .needs = kNeedFeatures,
    .parameters = kParameters,
    .citation = "Bertran et al. 2023, arXiv:2307.03694",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = run,
    .effective_share = 0.5,
};

}  // namespace miaudit
