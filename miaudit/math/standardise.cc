#include "miaudit/math/standardise.h"

// As in kernels.cc: four targets are enough.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "miaudit/math/standardise.cc"
// foreach_target.h must come first: it includes this file once for each target.
// clang-format off
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace miaudit::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE hn::Vec<D> load(D d, const float* values) {
  return hn::LoadU(d, values);
}
template <class D>
HWY_INLINE hn::Vec<D> load(D d, const uint8_t* values) {
  const hn::Rebind<int32_t, D> integers;
  const hn::Rebind<uint8_t, D> bytes;
  return hn::ConvertTo(d, hn::PromoteTo(integers, hn::LoadU(bytes, values)));
}

template <class T>
HWY_INLINE void standardise_of(const T* values, const float* mean, const float* scale, float* out, size_t count) {
  const hn::ScalableTag<float> whole;
  const hn::CappedTag<float, 1> one;
  const auto step = [&](auto d, size_t i) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::Sub(load(d, values + i), hn::LoadU(d, mean + i)), hn::LoadU(d, scale + i)), d, out + i);
  };
  size_t i = 0;
  for (; i + hn::Lanes(whole) <= count; i += hn::Lanes(whole)) step(whole, i);
  for (; i < count; ++i) step(one, i);
}

void standardise_of_bytes(const uint8_t* values, const float* mean, const float* scale, float* out, size_t count) {
  standardise_of(values, mean, scale, out, count);
}
void standardise_of_floats(const float* values, const float* mean, const float* scale, float* out, size_t count) {
  standardise_of(values, mean, scale, out, count);
}

}  // namespace
}  // namespace miaudit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace miaudit {

HWY_EXPORT(standardise_of_bytes);
HWY_EXPORT(standardise_of_floats);

void standardise(std::span<const uint8_t> values, std::span<const float> mean, std::span<const float> scale,
                 std::span<float> out) {
  HWY_DYNAMIC_DISPATCH(standardise_of_bytes)(values.data(), mean.data(), scale.data(), out.data(), out.size());
}
void standardise(std::span<const float> values, std::span<const float> mean, std::span<const float> scale,
                 std::span<float> out) {
  HWY_DYNAMIC_DISPATCH(standardise_of_floats)(values.data(), mean.data(), scale.data(), out.data(), out.size());
}

}  // namespace miaudit
#endif
