#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "miaudit/base/rng.h"
#include "miaudit/learn/learners.h"

namespace miaudit {
namespace {

/// Partial sums in a fixed number of lanes: the compiler can vectorise it, and the order of the additions is the same
/// on every machine.
float dot(const float* a, const float* b, size_t count) {
  constexpr size_t kLanes = 16;
  std::array<float, kLanes> lanes{};
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (size_t l = 0; l < kLanes; ++l) lanes[l] += a[i + l] * b[i + l];
  float sum = std::accumulate(lanes.begin(), lanes.end(), 0.0f);
  for (; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

void check_labels(MatrixView<const float> features, std::span<const int32_t> labels, size_t classes) {
  if (labels.size() != features.rows)
    fail(Category::input, "{} of features but {}; both must list the same records", counted(features.rows, "row"),
         counted(labels.size(), "label"));
  for (size_t i = 0; i < labels.size(); ++i)
    if (labels[i] < 0 || static_cast<size_t>(labels[i]) >= classes)
      fail(Category::input, "label {} of record {} is not in 0 … {}", labels[i], i, classes - 1);
}

void softmax_in_place(std::span<float> logits) {
  const float top = *std::ranges::max_element(logits);
  float sum = 0;
  for (float& value : logits) sum += value = std::exp(value - top);
  for (float& value : logits) value /= sum;
}

}  // namespace

void SoftmaxModel::logits(MatrixView<const float> features_rows, MatrixView<float> out) const {
  if (features_rows.cols != features || out.rows != features_rows.rows || out.cols != classes)
    fail(Category::internal, "a softmax model of {} features and {} classes was given {} and {}", features, classes,
         features_rows.cols, out.cols);
  for (size_t i = 0; i < out.rows; ++i)
    for (size_t c = 0; c < classes; ++c) {
      const float* row = weights.data() + c * (features + 1);
      out(i, c) = dot(row, features_rows.row(i).data(), features) + row[features];
    }
}

SoftmaxModel fit_softmax(MatrixView<const float> features, std::span<const int32_t> labels, size_t classes,
                         const SoftmaxOptions& options, const Context& context) {
  check_labels(features, labels, classes);
  const size_t width = features.cols + 1;
  SoftmaxModel model{classes, features.cols, std::vector<float>(classes * width)};
  std::vector<float> gradient(classes * width), velocity(classes * width), errors(classes);
  std::vector<uint32_t> order(features.rows);
  const size_t batch = static_cast<size_t>(std::max(options.batch, 1));
  const float momentum = static_cast<float>(options.momentum);

  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    context.report("train", static_cast<uint64_t>(epoch), static_cast<uint64_t>(options.epochs));
    std::iota(order.begin(), order.end(), 0u);
    Rng(options.seed, static_cast<uint64_t>(epoch)).shuffle(std::span(order));
    for (size_t begin = 0; begin < order.size(); begin += batch) {
      const size_t end = std::min(order.size(), begin + batch);
      std::ranges::fill(gradient, 0.0f);
      for (size_t i = begin; i < end; ++i) {
        const size_t record = order[i];
        const float* row = features.row(record).data();
        model.logits({row, 1, features.cols}, {errors.data(), 1, classes});
        softmax_in_place(errors);
        errors[static_cast<size_t>(labels[record])] -= 1;
        for (size_t c = 0; c < classes; ++c) {
          float* target = gradient.data() + c * width;
          for (size_t j = 0; j < features.cols; ++j) target[j] += errors[c] * row[j];
          target[features.cols] += errors[c];
        }
      }
      const float rate = static_cast<float>(options.learning_rate) / static_cast<float>(end - begin);
      for (size_t w = 0; w < gradient.size(); ++w) {
        velocity[w] = momentum * velocity[w] - rate * gradient[w];
        model.weights[w] += velocity[w];
      }
    }
  }
  context.report("train", static_cast<uint64_t>(options.epochs), static_cast<uint64_t>(options.epochs));
  return model;
}

}  // namespace miaudit
