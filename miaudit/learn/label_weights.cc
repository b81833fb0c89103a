#include <cmath>

#include "miaudit/learn/learners.h"

namespace miaudit {

std::array<double, 2> label_weights(const TrainingSet& data) {
  const size_t rows = data.features.rows, cols = data.features.cols;
  if (data.labels.size() != rows)
    fail(Category::internal, "a fit was given {} rows and {} labels", rows, data.labels.size());
  for (size_t i = 0; i < rows * cols; ++i)
    if (!std::isfinite(data.features.data[i]))
      fail(Category::internal, "feature {} of training row {} is not finite", i % cols, i / cols);
  size_t ones = 0;
  for (const uint8_t label : data.labels) ones += label != 0;
  if (ones == 0 || ones == rows)
    fail(Category::internal, "a fit needs rows of both labels; found {} of label 0 and {} of label 1", rows - ones,
         ones);
  const double half = static_cast<double>(rows) / 2;
  return {half / static_cast<double>(rows - ones), half / static_cast<double>(ones)};
}

}  // namespace miaudit
