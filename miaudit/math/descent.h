#pragma once

#include <cstddef>
#include <span>

namespace miaudit {

/// Stochastic gradient descent with momentum: v ← momentum·v + g + decay·w, w ← w − rate·v, or with Nesterov's
/// look-ahead w ← w − rate·(g + decay·w + momentum·v), as Sutskever et al. 2013 in PyTorch's form.
struct MomentumStep {
  float rate = 0;
  float momentum = 0;
  float decay = 0;
  bool is_nesterov = false;
};
void momentum_step(const MomentumStep& step, std::span<float> weights, std::span<const float> gradient,
                   std::span<float> velocity);

/// Adam (Kingma and Ba 2015, arXiv:1412.6980, algorithm 1), decay added to the gradient. `count` is t, from 1.
struct AdamStep {
  float rate = 0;
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float epsilon = 1e-8f;
  float decay = 0;
  size_t count = 1;
};
void adam_step(const AdamStep& step, std::span<float> weights, std::span<const float> gradient, std::span<float> mean,
               std::span<float> square);

/// average ← average + share·(weights − average).
void move_average(float share, std::span<const float> weights, std::span<float> average);

/// All take spans of one length, one pass, one thread, by the widest vectors of this machine; a weight, gradient and
/// moments of 0 stay 0. Multiply-add is fused where the machine can, so another instruction set rounds otherwise.

}  // namespace miaudit
