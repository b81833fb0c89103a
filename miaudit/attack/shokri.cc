// Attacks that learn from shadow models' outputs how members look.
#include <algorithm>
#include <functional>
#include <numeric>

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

/// Models [begin, end).
struct ModelRange {
  size_t begin = 0;
  size_t end = 0;
};

/// Those of `records` that some models trained on and others left out. Where splits depend on each other, who has one
/// side alone may be the target's members, and what learnt to know them by that would tell.
std::vector<uint32_t> two_sided(const Evidence& evidence, std::span<const uint32_t> records) {
  const std::span<const int8_t* const> sides = evidence.references->values("loss").sides;
  std::vector<uint32_t> kept;
  for (const uint32_t i : records) {
    if (!evidence.audited.empty() && !evidence.audited[i]) continue;
    bool has_in = false, has_out = false;
    for (size_t m = 0; m < sides.size() && !(has_in && has_out); ++m)
      has_in |= sides[m][i] == 1, has_out |= sides[m][i] == 0;
    // Of a single model's records none has both.
    if ((has_in && has_out) || sides.size() == 1) kept.push_back(i);
  }
  return kept;
}

/// As many rows of either side, each as likely as any other, at most kMostRows in all; of some shadow models' views of
/// `all`. Only the sample is ever held.
std::vector<Row> sample_rows(const Evidence& evidence, ModelRange models, std::span<const uint32_t> all,
                             uint64_t stream) {
  const SidedValues sided = evidence.references->values("loss");
  const std::vector<uint32_t> records = two_sided(evidence, all);
  std::vector<Row> sample[2];
  uint64_t seen[2] = {0, 0};
  Rng rng(0, stream);
  for (size_t m = models.begin; m < models.end; ++m)
    for (const uint32_t i : records) {
      const int8_t side = sided.sides[m][i];
      if (side < 0) continue;
      std::vector<Row>& own = sample[side];
      const Row row{static_cast<uint32_t>(m), i, static_cast<uint8_t>(side)};
      ++seen[side];
      if (own.size() < kMostRows / 2) {
        own.push_back(row);
      } else if (const uint64_t place = rng.below(seen[side]); place < own.size()) {
        own[place] = row;
      }
    }
  const size_t most = std::min(sample[0].size(), sample[1].size());
  std::vector<Row> rows;
  for (std::vector<Row>& own : sample) {
    rng.shuffle(std::span(own));
    rows.insert(rows.end(), own.begin(), own.begin() + static_cast<ptrdiff_t>(most));
  }
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

/// The target's records scored by a fitted classifier, some at a time.
void score_rows(const BinaryClassifier& classifier, const Evidence& evidence, std::span<const uint32_t> all,
                size_t width, const Describe& describe, std::vector<double>& scores) {
  constexpr size_t kAtOnce = 4096;
  for (size_t first = 0; first < all.size(); first += kAtOnce) {
    const std::span<const uint32_t> records = all.subspan(first, std::min(kAtOnce, all.size() - first));
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
}

std::vector<uint32_t> all_records(const Evidence& evidence) {
  std::vector<uint32_t> records(evidence.samples);
  std::iota(records.begin(), records.end(), 0U);
  return records;
}

std::vector<double> shokri(const Evidence& evidence, const Parameters& parameters, const Context& context) {
  TreesOptions options{.trees = static_cast<int>(parameters.integer("trees")),
                       .learning_rate = parameters.real("learning_rate")};
  const double usual_weight = options.min_leaf_weight;
  const Fit fit = [&](const TrainingSet& data) {
    options.min_leaf_weight = std::min(usual_weight, most_leaf_weight(data.labels.size()));
    return fit_trees(data, options, context);
  };
  const Describe whole = [](std::span<const float> probabilities, std::span<float> features) {
    std::ranges::copy(probabilities, features.begin());
  };
  const ModelRange models{0, evidence.references->count()};
  std::vector<std::vector<uint32_t>> records(evidence.classes);
  for (size_t i = 0; i < evidence.samples; ++i)
    records[static_cast<size_t>(evidence.labels[i])].push_back(static_cast<uint32_t>(i));
  std::unique_ptr<BinaryClassifier> of_all;  // for classes with too few rows
  std::vector<double> scores(evidence.samples);
  for (size_t c = 0; c < evidence.classes; ++c) {
    if (records[c].empty()) continue;
    const std::vector<Row> rows = sample_rows(evidence, models, records[c], c + 1);
    if (rows.size() >= 2 * kFewestRows) {
      score_rows(*fit_rows(rows, evidence, evidence.classes, whole, fit), evidence, records[c], evidence.classes, whole,
                 scores);
      continue;
    }
    if (!of_all) {
      const std::vector<Row> any = sample_rows(evidence, models, all_records(evidence), 0);
      if (any.empty()) fail(Category::numeric, "no record was seen by some shadow models and left out by others");
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
  const std::vector<uint32_t> records = all_records(evidence);
  // The first model that saw some of the records and left others out.
  std::vector<Row> rows;
  for (size_t m = 0; m < evidence.references->count() && rows.empty(); ++m)
    rows = sample_rows(evidence, {m, m + 1}, records, 0);
  if (rows.empty()) fail(Category::numeric, "no shadow model saw some of the records and left others out");
  const auto classifier = fit_rows(rows, evidence, width, largest,
                                   [&](const TrainingSet& data) { return fit_logistic(data, {}, context); });
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
