#include "miaudit/math/descent.h"

#include <cmath>

// As in kernels.cc: four targets are enough.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "miaudit/math/descent.cc"
// foreach_target.h must come first: it includes this file once for each target.
// clang-format off
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace miaudit::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

const hn::ScalableTag<float> kFloats;
using Vector = hn::Vec<decltype(kFloats)>;
const hn::CappedTag<float, 1> kOne;

/// body(tag, i) for the elements from i on that a vector of the tag holds.
template <class Body>
HWY_INLINE void for_each_vector(size_t count, const Body& body) {
  const size_t lanes = hn::Lanes(kFloats);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) body(kFloats, i);
  for (; i < count; ++i) body(kOne, i);
}

void momentum_step_here(const MomentumStep& step, float* weights, const float* gradient, float* velocity,
                        size_t count) {
  for_each_vector(count, [&](auto d, size_t i) HWY_ATTR {
    const auto momentum = hn::Set(d, step.momentum), rate = hn::Set(d, step.rate);
    const auto w = hn::LoadU(d, weights + i);
    const auto g = hn::MulAdd(hn::Set(d, step.decay), w, hn::LoadU(d, gradient + i));
    const auto v = hn::MulAdd(momentum, hn::LoadU(d, velocity + i), g);
    hn::StoreU(v, d, velocity + i);
    const auto way = step.is_nesterov ? hn::MulAdd(momentum, v, g) : v;
    hn::StoreU(hn::NegMulAdd(rate, way, w), d, weights + i);
  });
}

void adam_step_here(const AdamStep& step, float* weights, const float* gradient, float* mean, float* square,
                    size_t count) {
  const double t = static_cast<double>(step.count);
  const float mean_share = static_cast<float>(1 - std::pow(static_cast<double>(step.beta1), t));
  const float square_share = static_cast<float>(1 - std::pow(static_cast<double>(step.beta2), t));
  for_each_vector(count, [&](auto d, size_t i) HWY_ATTR {
    const auto w = hn::LoadU(d, weights + i);
    const auto g = hn::MulAdd(hn::Set(d, step.decay), w, hn::LoadU(d, gradient + i));
    const auto m = hn::MulAdd(hn::Set(d, step.beta1), hn::LoadU(d, mean + i), hn::Mul(hn::Set(d, 1 - step.beta1), g));
    const auto s = hn::MulAdd(hn::Set(d, step.beta2), hn::LoadU(d, square + i),
                              hn::Mul(hn::Set(d, 1 - step.beta2), hn::Mul(g, g)));
    hn::StoreU(m, d, mean + i);
    hn::StoreU(s, d, square + i);
    const auto root = hn::Add(hn::Sqrt(hn::Mul(s, hn::Set(d, 1 / square_share))), hn::Set(d, step.epsilon));
    hn::StoreU(hn::NegMulAdd(hn::Set(d, step.rate / mean_share), hn::Div(m, root), w), d, weights + i);
  });
}

void move_average_here(float share, const float* weights, float* average, size_t count) {
  for_each_vector(count, [&](auto d, size_t i) HWY_ATTR {
    const auto a = hn::LoadU(d, average + i);
    hn::StoreU(hn::MulAdd(hn::Set(d, share), hn::Sub(hn::LoadU(d, weights + i), a), a), d, average + i);
  });
}

}  // namespace
}  // namespace miaudit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace miaudit {

HWY_EXPORT(momentum_step_here);
HWY_EXPORT(adam_step_here);
HWY_EXPORT(move_average_here);

void momentum_step(const MomentumStep& step, std::span<float> weights, std::span<const float> gradient,
                   std::span<float> velocity) {
  HWY_DYNAMIC_DISPATCH(momentum_step_here)
  (step, weights.data(), gradient.data(), velocity.data(), weights.size());
}

void adam_step(const AdamStep& step, std::span<float> weights, std::span<const float> gradient, std::span<float> mean,
               std::span<float> square) {
  HWY_DYNAMIC_DISPATCH(adam_step_here)
  (step, weights.data(), gradient.data(), mean.data(), square.data(), weights.size());
}

void move_average(float share, std::span<const float> weights, std::span<float> average) {
  HWY_DYNAMIC_DISPATCH(move_average_here)(share, weights.data(), average.data(), weights.size());
}

}  // namespace miaudit
#endif
