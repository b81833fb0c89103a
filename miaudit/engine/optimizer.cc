#include "miaudit/engine/optimizer.h"

#include <algorithm>
#include <cmath>

#include "miaudit/math/descent.h"

namespace miaudit {

double rate_at(const OptimizerOptions& options, size_t step, size_t steps) {
  const double progress = static_cast<double>(step) / static_cast<double>(steps);
  double rate = options.rate;
  if (options.decline == Decline::cosine) rate *= std::cos(options.cosine_turn * progress);
  if (options.decline == Decline::steps) rate *= progress < 0.5 ? 1 : progress < 0.75 ? 0.1 : 0.01;
  if (progress < options.warm_up) rate *= (progress + 1 / static_cast<double>(steps)) / options.warm_up;
  return rate;
}

Optimizer::Optimizer(const OptimizerOptions& options, Network& network, const std::vector<Parameter>& parameters)
    : options_(options), slots_(network.slots()), places_(slots_.size()) {
  memories_.reserve(3 * slots_.size());  // places_ points into it
  const auto remember = [&](size_t parameter, const char* name) {
    memories_.push_back({parameter, name, std::vector<float>(slots_[parameter].weights.size())});
    return &memories_.back();
  };
  for (size_t p = 0; p < slots_.size(); ++p) {
    decays_.push_back(parameters[p].decays);
    if (slots_[p].gradient.empty()) continue;
    const bool is_adam = options.descent == Descent::adam;
    places_[p].first = remember(p, is_adam ? "mean" : "momentum");
    if (is_adam) places_[p].second = remember(p, "square");
    if (options.average > 0) places_[p].average = remember(p, "average");
  }
}

void Optimizer::start_average() {
  for (size_t p = 0; p < slots_.size(); ++p) {
    if (places_[p].average) std::ranges::copy(slots_[p].weights, places_[p].average->values.begin());
  }
}

void Optimizer::update(size_t step, size_t steps) {
  const float rate = static_cast<float>(rate_at(options_, step, steps));
  for (size_t p = 0; p < slots_.size(); ++p) {
    const Network::Slot& slot = slots_[p];
    if (slot.gradient.empty()) continue;
    const float decay = decays_[p] ? static_cast<float>(options_.weight_decay) : 0;
    if (options_.descent == Descent::sgd) {
      momentum_step({rate, static_cast<float>(options_.momentum), decay, options_.is_nesterov}, slot.weights,
                    slot.gradient, places_[p].first->values);
    } else {
      adam_step({.rate = rate,
                 .beta1 = static_cast<float>(options_.beta1),
                 .beta2 = static_cast<float>(options_.beta2),
                 .decay = decay,
                 .count = step + 1},
                slot.weights, slot.gradient, places_[p].first->values, places_[p].second->values);
    }
    if (places_[p].average)
      move_average(static_cast<float>(1 - options_.average), slot.weights, places_[p].average->values);
  }
}

std::span<const float> Optimizer::final_weights(size_t parameter) const {
  if (places_[parameter].average) return places_[parameter].average->values;
  return slots_[parameter].weights;
}

}  // namespace miaudit
