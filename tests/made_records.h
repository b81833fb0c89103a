#pragma once

#include <cmath>
#include <numeric>
#include <vector>

#include "miaudit/base/rng.h"
#include "miaudit/data/records.h"

namespace miaudit::testing_records {

struct Made {
  size_t records = 2000;
  size_t classes = 10;
  double leak = 0;  ///< How much surer of its members' labels the model is.
  uint64_t seed = 1;
};

/// Logits of a made-up model, labels, and a membership drawn by coin flips: half and half.
inline Records made_records(const Made& made) {
  Rng rng(made.seed);
  Records records;
  std::vector<float> logits(made.records * made.classes);
  for (float& z : logits) z = static_cast<float>(1.5 * rng.normal());
  for (size_t i = 0; i < made.records; ++i) {
    records.labels.push_back(static_cast<int32_t>(rng.below(made.classes)));
    records.membership.push_back(static_cast<int8_t>(i % 2));
  }
  rng.shuffle(std::span(records.membership));
  for (size_t i = 0; i < made.records; ++i) {
    float& z = logits[i * made.classes + static_cast<size_t>(records.labels[i])];
    z += static_cast<float>(1 + made.leak * records.membership[i] * (1 + std::abs(rng.normal())));
  }
  records.feature_columns = 2;
  for (size_t i = 0; i < made.records; ++i) {
    records.features.push_back(static_cast<float>(rng.normal()));
    records.features.push_back(static_cast<float>(records.labels[i] % 2));
  }
  Outputs& outputs = records.outputs;
  outputs.parts = {{Array::from(std::move(logits), {made.records, 1, made.classes}), "made.npy"}};
  outputs.samples = records.input_rows = made.records;
  outputs.queries = 1;
  outputs.columns = outputs.classes = made.classes;
  return records;
}

/// The records with other outputs.
inline Records with_outputs(Records records, std::vector<double> values) {
  Outputs& outputs = records.outputs;
  outputs.parts = {{Array::from(std::move(values), {outputs.samples, 1, outputs.columns}), "made.npy"}};
  return records;
}

/// The same records in another order: record i is the old order[i].
inline Records reordered(const Records& records, const std::vector<uint32_t>& order) {
  Records moved = records;
  const std::span<const float> from = records.outputs.parts[0].values.as<float>();
  const size_t width = records.outputs.columns;
  std::vector<float> values;
  for (size_t i = 0; i < order.size(); ++i) {
    values.insert(values.end(), from.begin() + static_cast<ptrdiff_t>(order[i] * width),
                  from.begin() + static_cast<ptrdiff_t>((order[i] + 1) * width));
    for (size_t c = 0; c < records.feature_columns; ++c)
      moved.features[i * records.feature_columns + c] = records.features[order[i] * records.feature_columns + c];
    moved.labels[i] = records.labels[order[i]];
    moved.membership[i] = records.membership[order[i]];
  }
  moved.outputs.parts = {{Array::from(std::move(values), {order.size(), 1, width}), "made.npy"}};
  return moved;
}

}  // namespace miaudit::testing_records
