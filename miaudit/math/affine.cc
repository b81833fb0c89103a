#include "miaudit/math/affine.h"

// As in kernels.cc: four targets are enough.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "miaudit/math/affine.cc"
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
HWY_INLINE void affine_of(const T* values, const float* scale, const float* offset, float* out, size_t count) {
  const hn::ScalableTag<float> whole;
  const hn::CappedTag<float, 1> one;
  const auto step = [&](auto d, size_t i) HWY_ATTR {
    hn::StoreU(hn::Add(hn::Mul(load(d, values + i), hn::LoadU(d, scale + i)), hn::LoadU(d, offset + i)), d, out + i);
  };
  size_t i = 0;
  for (; i + hn::Lanes(whole) <= count; i += hn::Lanes(whole)) step(whole, i);
  for (; i < count; ++i) step(one, i);
}

void affine_of_bytes(const uint8_t* values, const float* scale, const float* offset, float* out, size_t count) {
  affine_of(values, scale, offset, out, count);
}
void affine_of_floats(const float* values, const float* scale, const float* offset, float* out, size_t count) {
  affine_of(values, scale, offset, out, count);
}

}  // namespace
}  // namespace miaudit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace miaudit {

HWY_EXPORT(affine_of_bytes);
HWY_EXPORT(affine_of_floats);

void affine(std::span<const uint8_t> values, std::span<const float> scale, std::span<const float> offset,
            std::span<float> out) {
  HWY_DYNAMIC_DISPATCH(affine_of_bytes)(values.data(), scale.data(), offset.data(), out.data(), out.size());
}
void affine(std::span<const float> values, std::span<const float> scale, std::span<const float> offset,
            std::span<float> out) {
  HWY_DYNAMIC_DISPATCH(affine_of_floats)(values.data(), scale.data(), offset.data(), out.data(), out.size());
}

}  // namespace miaudit
#endif
