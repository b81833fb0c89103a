#pragma once

#include <cmath>
#include <vector>

#include "miaudit/base/rng.h"
#include "miaudit/data/models.h"

namespace miaudit::testing_models {

enum class Design {
  pairs,         ///< model 2p + 1 learns what 2p leaves out
  exactly_half,  ///< each record in half of the models, nobody's partner known
  bernoulli,
  disjoint,
  rare,              ///< each record in a tenth of the models
  cross_validation,  ///< two rounds of folds: each model learns all but one fold of its round
  one_round,         ///< of folds
  nearly_disjoint,   ///< and one record in two models
};

struct Made {
  size_t models = 8;
  size_t records = 2000;
  size_t classes = 10;
  size_t queries = 1;
  double leak = 0;  ///< How much surer of its members' labels each model is.
  /// All models say nearly the same of a record, so that one who learnt it knows it again.
  bool is_recognisable = false;
  Design design = Design::pairs;
  uint64_t seed = 1;
};

/// Who learns what: [models][records].
inline std::vector<std::vector<int8_t>> made_splits(const Made& made) {
  Rng rng(made.seed, 1);
  std::vector<std::vector<int8_t>> splits(made.models, std::vector<int8_t>(made.records));
  for (size_t i = 0; i < made.records; ++i) {
    std::vector<int8_t> column(made.models);
    const size_t owner = rng.below(made.models);
    const size_t round = made.models / 2;
    const size_t left_out[2] = {rng.below(round), rng.below(round)};
    for (size_t m = 0; m < made.models; ++m) {
      if (made.design == Design::exactly_half) column[m] = m < made.models / 2;
      if (made.design == Design::bernoulli) column[m] = static_cast<int8_t>(rng.below(2));
      if (made.design == Design::rare) column[m] = rng.below(10) == 0;
      if (made.design == Design::cross_validation) column[m] = m % round != left_out[m / round % 2];
      if (made.design == Design::one_round) column[m] = m != owner;
      if (made.design == Design::disjoint) column[m] = m == owner;
      if (made.design == Design::nearly_disjoint) column[m] = m == owner || (i == 0 && m < 2);
      if (made.design == Design::pairs)
        column[m] = static_cast<int8_t>(m % 2 ? 1 - column[m - 1] : static_cast<int8_t>(rng.below(2)));
    }
    if (made.design == Design::exactly_half) rng.shuffle(std::span(column));
    for (size_t m = 0; m < made.models; ++m) splits[m][i] = column[m];
  }
  return splits;
}

/// Outputs of models that share what is hard about a record, and are surer of what they were trained on.
inline Models made_models(const Made& made) {
  Rng rng(made.seed);
  Models models;
  models.audited.assign(made.records, 1);
  std::vector<double> ease(made.records);
  std::vector<double> memorised(made.records);
  for (size_t i = 0; i < made.records; ++i) {
    models.labels.push_back(static_cast<int32_t>(rng.below(made.classes)));
    ease[i] = 2 * rng.normal();
    memorised[i] = made.leak * std::abs(rng.normal());
  }
  std::vector<double> alike(made.is_recognisable ? made.records * made.queries * made.classes : 0);
  for (double& value : alike) value = 1.5 * rng.normal();
  const auto splits = made_splits(made);
  for (size_t m = 0; m < made.models; ++m) {
    AuditedModel model;
    model.number = m;
    model.membership = splits[m];
    std::vector<float> logits(made.records * made.queries * made.classes);
    for (size_t k = 0; k < logits.size(); ++k) {
      const double own = rng.normal();
      logits[k] = static_cast<float>(made.is_recognisable ? alike[k] + 0.3 * own : own);
    }
    for (size_t k = 0; k < made.records * made.queries; ++k) {
      const size_t i = k / made.queries;
      logits[k * made.classes + static_cast<size_t>(models.labels[i])] +=
          static_cast<float>(2 + ease[i] + memorised[i] * splits[m][i]);
    }
    Outputs& outputs = model.outputs;
    outputs.parts = {{Array::from(std::move(logits), {made.records, made.queries, made.classes}), "made.npy"}};
    outputs.samples = made.records;
    outputs.queries = made.queries;
    outputs.columns = outputs.classes = made.classes;
    models.models.push_back(std::move(model));
    const bool is_paired = made.design == Design::pairs && (m % 2 || m + 1 < made.models);
    models.families.push_back(is_paired ? m & ~size_t{1} : m);
  }
  return models;
}

}  // namespace miaudit::testing_models
