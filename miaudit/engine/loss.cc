#include "miaudit/engine/loss.h"

#include <algorithm>
#include <cmath>

namespace miaudit {

BatchLoss softmax_cross_entropy(std::span<const float> logits, std::span<const int32_t> labels, size_t classes,
                                float smoothing, std::span<float> gradient) {
  BatchLoss loss;
  const float share = 1 / static_cast<float>(labels.size()), rest = smoothing / static_cast<float>(classes);
  for (size_t r = 0; r < labels.size(); ++r) {
    const auto z = logits.subspan(r * classes, classes);
    const auto g = gradient.subspan(r * classes, classes);
    const size_t y = static_cast<size_t>(labels[r]);
    const auto largest = std::max_element(z.begin(), z.end());
    float sum = 0, of_all = 0;
    for (size_t k = 0; k < classes; ++k) {
      g[k] = std::exp(z[k] - *largest);
      sum += g[k];
      of_all += z[k] - *largest;
    }
    const float scale = share / sum;
    for (size_t k = 0; k < classes; ++k) g[k] = g[k] * scale - rest * share;
    g[y] -= (1 - smoothing) * share;
    loss.sum += static_cast<double>(std::log(sum) - (1 - smoothing) * (z[y] - *largest) - rest * of_all);
    loss.correct += largest - z.begin() == labels[r];
  }
  std::fill(gradient.begin() + static_cast<std::ptrdiff_t>(labels.size() * classes), gradient.end(), 0.f);
  return loss;
}

}  // namespace miaudit
