// Attacks that learn from shadow models' outputs how members look.
#include <algorithm>
#include <functional>

#include "miaudit/attack/reference_scores.h"
#include "miaudit/attack/rows.h"
#include "miaudit/base/rng.h"
#include "miaudit/learn/learners.h"

namespace miaudit {
namespace {

/// More rows of a class than this teach no more.
constexpr size_t kMostRows = 10'000;
/// A class with fewer on either side is learnt together with all others.
constexpr size_t kFewestRows = 20;

constexpr ParameterRow kShokriParameters[] = {
    {"trees", "boosted trees of a class's classifier", IntegerParameter{40, 1, 2000}},
    {"learning_rate", "weight of each tree", RealParameter{0.1, 0.001, 1}}};

/// A record as a shadow model saw it, and whether that one had trained on it.
struct Row {
  uint32_t model;
  uint32_t record;
  uint8_t is_member;
};

std::vector<Row> rows_of(const Evidence& evidence, size_t models) {
  const SidedValues sided = evidence.references->values("loss");
  std::vector<Row> rows;
  for (size_t m = 0; m < models; ++m)
    for (size_t i = 0; i < evidence.samples; ++i)
      if (sided.sides[m][i] >= 0 && (evidence.audited.empty() || evidence.audited[i]))
        rows.push_back({static_cast<uint32_t>(m), static_cast<uint32_t>(i), static_cast<uint8_t>(sided.sides[m][i])});
  return rows;
}

/// As many of either side, at random, at most kMostRows in all.
std::vector<Row> balanced(std::vector<Row> rows, uint64_t stream) {
  Rng(0, stream).shuffle(std::span(rows));
  size_t sides[2] = {0, 0};
  for (const Row& row : rows) ++sides[row.is_member];
  const size_t most = std::min({sides[0], sides[1], kMostRows / 2});
  size_t taken[2] = {0, 0};
  std::erase_if(rows, [&](const Row& row) { return taken[row.is_member]++ >= most; });
  return rows;
}

using Describe = std::function<void(std::span<const float> probabilities, std::span<float> features)>;

/// Features of rows, through each model's probabilities of its records.
std::vector<float> features_of(const std::vector<Row>& rows, const Evidence& evidence, size_t width,
                               const Describe& describe) {
  std::vector<float> features(rows.size() * width);
  std::vector<std::vector<size_t>> places(evidence.references->count());
  for (size_t k = 0; k < rows.size(); ++k) places[rows[k].model].push_back(k);
  for (size_t m = 0; m < places.size(); ++m) {
    std::vector<uint32_t> records;
    for (const size_t k : places[m]) records.push_back(rows[k].record);
    std::vector<float> probabilities(records.size() * evidence.classes);
    evidence.references->probabilities(m, records, {probabilities.data(), records.size(), evidence.classes});
    for (size_t r = 0; r < records.size(); ++r)
      describe(std::span(probabilities).subspan(r * evidence.classes, evidence.classes),
               std::span(features).subspan(places[m][r] * width, width));
  }
  return features;
}

using Fit = std::function<std::unique_ptr<BinaryClassifier>(const TrainingSet&)>;

std::unique_ptr<BinaryClassifier> fit_rows(const std::vector<Row>& rows, const Evidence& evidence, size_t width,
                                           const Describe& describe, const Fit& fit) {
  std::vector<float> features = features_of(rows, evidence, width, describe);
  std::vector<uint8_t> labels;
  labels.reserve(rows.size());
  for (const Row& row : rows) labels.push_back(row.is_member);
  return fit({{features.data(), rows.size(), width}, labels});
}

/// The target's records scored by a fitted classifier.
void score_rows(const BinaryClassifier& classifier, const Evidence& evidence, std::span<const uint32_t> records,
                size_t width, const Describe& describe, std::vector<double>& scores) {
  std::vector<float> probabilities(records.size() * evidence.classes);
  evidence.signals.probabilities(records, {probabilities.data(), records.size(), evidence.classes});
  std::vector<float> features(records.size() * width);
  for (size_t r = 0; r < records.size(); ++r)
    describe(std::span(probabilities).subspan(r * evidence.classes, evidence.classes),
             std::span(features).subspan(r * width, width));
  std::vector<double> found(records.size());
  classifier.score({features.data(), records.size(), width}, found);
  for (size_t r = 0; r < records.size(); ++r) scores[records[r]] = found[r];
}

std::vector<double> shokri(const Evidence& evidence, const Parameters& parameters, const Context& context) {
  const TreesOptions options{.trees = static_cast<int>(parameters.integer("trees")),
                             .learning_rate = parameters.real("learning_rate")};
  const Fit fit = [&](const TrainingSet& data) { return fit_trees(data, options, context); };
  const Describe whole = [](std::span<const float> probabilities, std::span<float> features) {
    std::ranges::copy(probabilities, features.begin());
  };
  std::vector<std::vector<Row>> by_class(evidence.classes);
  std::vector<std::vector<uint32_t>> records(evidence.classes);
  const std::vector<Row> all = rows_of(evidence, evidence.references->count());
  for (const Row& row : all) by_class[static_cast<size_t>(evidence.labels[row.record])].push_back(row);
  for (size_t i = 0; i < evidence.samples; ++i)
    records[static_cast<size_t>(evidence.labels[i])].push_back(static_cast<uint32_t>(i));
  std::unique_ptr<BinaryClassifier> of_all;  // for classes with too few rows
  std::vector<double> scores(evidence.samples);
  for (size_t c = 0; c < evidence.classes; ++c) {
    if (records[c].empty()) continue;
    const std::vector<Row> rows = balanced(std::move(by_class[c]), c + 1);
    if (rows.size() >= 2 * kFewestRows) {
      score_rows(*fit_rows(rows, evidence, evidence.classes, whole, fit), evidence, records[c], evidence.classes, whole,
                 scores);
      continue;
    }
    if (!of_all) {
      const std::vector<Row> any = balanced(all, 0);
      if (any.empty()) fail(Category::numeric, "shadow models saw all of the records, or none");
      of_all = fit_rows(any, evidence, evidence.classes, whole, fit);
    }
    score_rows(*of_all, evidence, records[c], evidence.classes, whole, scores);
  }
  return scores;
}

std::vector<double> ml_leaks(const Evidence& evidence, const Parameters&, const Context& context) {
  const size_t width = std::min<size_t>(3, evidence.classes);
  const Describe largest = [](std::span<const float> probabilities, std::span<float> features) {
    std::ranges::partial_sort_copy(probabilities, features, std::greater());
  };
  const std::vector<Row> rows = balanced(rows_of(evidence, 1), 0);
  if (rows.empty()) fail(Category::numeric, "its one shadow model saw all of the records, or none");
  const auto classifier = fit_rows(rows, evidence, width, largest,
                                   [&](const TrainingSet& data) { return fit_logistic(data, {}, context); });
  std::vector<uint32_t> records(evidence.samples);
  for (uint32_t i = 0; i < records.size(); ++i) records[i] = i;
  std::vector<double> scores(evidence.samples);
  score_rows(*classifier, evidence, records, width, largest, scores);
  return scores;
}

}  // namespace

constinit const AttackRow kShokriAttack = {
    .name = "shokri",
    .summary = "One classifier a class, fitted to shadow models' probabilities for members and non-members.",
    .needs = kNeedShadows,
    .parameters = kShokriParameters,
    .citation = "Shokri et al. 2017, arXiv:1610.05820",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = shokri,
};

constinit const AttackRow kMlLeaksAttack = {
    .name = "ml_leaks",
    .summary = "A classifier on the three largest probabilities, fitted to a single shadow model's.",
    .needs = kNeedShadows,
    .parameters = {},
    .citation = "Salem et al. 2019, arXiv:1806.01246",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = ml_leaks,
};

}  // namespace miaudit
