#include "miaudit/math/pool.h"

#include <algorithm>

// As in kernels.cc: four targets are enough.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "miaudit/math/pool.cc"
// foreach_target.h must come first: it includes this file once for each target.
// clang-format off
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace miaudit::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

/// body(tag, lane) for the lanes from `lane` on that a vector of the tag holds.
template <class Int, class Body>
HWY_INLINE void for_lanes(size_t lanes, const Body& body) {
  const hn::CappedTag<Int, 16> whole;
  const hn::CappedTag<Int, 1> one;
  size_t lane = 0;
  for (; lane + hn::Lanes(whole) <= lanes; lane += hn::Lanes(whole)) body(whole, lane);
  for (; lane < lanes; ++lane) body(one, lane);
}

/// Offsets of a window's places from its first pixel.
struct Window {
  explicit Window(const PoolShape& shape) : places(shape.window * shape.window) {
    for (size_t place = 0; place < places; ++place)
      offset[place] = (place / shape.window * shape.width + place % shape.window) * shape.lanes;
  }
  size_t places;
  size_t offset[15 * 15];
};

template <class Int>
HWY_INLINE void pool(const PoolShape& shape, const Int* in, Int* out, uint8_t* choice) {
  const Window window(shape);
  for (size_t plane = 0; plane < shape.planes; ++plane, in += shape.height * shape.width * shape.lanes) {
    for (size_t y = 0; y < shape.out_height(); ++y) {
      for (size_t x = 0; x < shape.out_width(); ++x, out += shape.lanes) {
        const Int* first = in + (y * shape.width + x) * shape.window * shape.lanes;
        for_lanes<Int>(shape.lanes, [&](auto d, size_t lane) HWY_ATTR {
          const hn::Rebind<uint8_t, decltype(d)> bytes;
          auto largest = hn::Zero(d);
          auto chosen = hn::Set(d, static_cast<Int>(window.places));
          for (size_t place = 0; place < window.places; ++place) {
            const auto value = hn::LoadU(d, first + window.offset[place] + lane);
            const auto is_larger = hn::Gt(value, largest);
            largest = hn::IfThenElse(is_larger, value, largest);
            chosen = hn::IfThenElse(is_larger, hn::Set(d, static_cast<Int>(place)), chosen);
          }
          hn::StoreU(largest, d, out + lane);
          if (choice) hn::StoreU(hn::DemoteTo(bytes, chosen), bytes, choice + lane);
        });
        if (choice) choice += shape.lanes;
      }
    }
  }
}

template <class Int>
HWY_INLINE void pool_gradient(const PoolShape& shape, const Int* gradient, const uint8_t* choice, Int* in_gradient) {
  const Window window(shape);
  const bool has_rest = shape.height % shape.window != 0 || shape.width % shape.window != 0;
  const size_t plane_size = shape.height * shape.width * shape.lanes;
  for (size_t plane = 0; plane < shape.planes; ++plane, in_gradient += plane_size) {
    if (has_rest) std::fill_n(in_gradient, plane_size, Int{0});
    for (size_t y = 0; y < shape.out_height(); ++y) {
      for (size_t x = 0; x < shape.out_width(); ++x, gradient += shape.lanes, choice += shape.lanes) {
        Int* first = in_gradient + (y * shape.width + x) * shape.window * shape.lanes;
        for_lanes<Int>(shape.lanes, [&](auto d, size_t lane) HWY_ATTR {
          const hn::Rebind<uint8_t, decltype(d)> bytes;
          const auto value = hn::LoadU(d, gradient + lane);
          const auto chosen = hn::PromoteTo(d, hn::LoadU(bytes, choice + lane));
          for (size_t place = 0; place < window.places; ++place)
            hn::StoreU(hn::IfThenElseZero(hn::Eq(chosen, hn::Set(d, static_cast<Int>(place))), value), d,
                       first + window.offset[place] + lane);
        });
      }
    }
  }
}

void pool_32(const PoolShape& shape, const int32_t* in, int32_t* out, uint8_t* choice) {
  pool(shape, in, out, choice);
}
void pool_16(const PoolShape& shape, const int16_t* in, int16_t* out, uint8_t* choice) {
  pool(shape, in, out, choice);
}
void pool_gradient_32(const PoolShape& shape, const int32_t* gradient, const uint8_t* choice, int32_t* in_gradient) {
  pool_gradient(shape, gradient, choice, in_gradient);
}
void pool_gradient_16(const PoolShape& shape, const int16_t* gradient, const uint8_t* choice, int16_t* in_gradient) {
  pool_gradient(shape, gradient, choice, in_gradient);
}

}  // namespace
}  // namespace miaudit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace miaudit {

HWY_EXPORT(pool_32);
HWY_EXPORT(pool_16);
HWY_EXPORT(pool_gradient_32);
HWY_EXPORT(pool_gradient_16);

namespace {
template <class Int, class Value>
const Int* bits(const Value* values) {
  return reinterpret_cast<const Int*>(values);
}
template <class Int, class Value>
Int* bits(Value* values) {
  return reinterpret_cast<Int*>(values);
}
}  // namespace

void max_pool_relu(const PoolShape& shape, const float* in, float* out, uint8_t* choice) {
  HWY_DYNAMIC_DISPATCH(pool_32)(shape, bits<int32_t>(in), bits<int32_t>(out), choice);
}
void max_pool_relu(const PoolShape& shape, const uint16_t* in, uint16_t* out, uint8_t* choice) {
  HWY_DYNAMIC_DISPATCH(pool_16)(shape, bits<int16_t>(in), bits<int16_t>(out), choice);
}
void max_pool_relu_gradient(const PoolShape& shape, const float* gradient, const uint8_t* choice, float* in_gradient) {
  HWY_DYNAMIC_DISPATCH(pool_gradient_32)(shape, bits<int32_t>(gradient), choice, bits<int32_t>(in_gradient));
}
void max_pool_relu_gradient(const PoolShape& shape, const uint16_t* gradient, const uint8_t* choice,
                            uint16_t* in_gradient) {
  HWY_DYNAMIC_DISPATCH(pool_gradient_16)(shape, bits<int16_t>(gradient), choice, bits<int16_t>(in_gradient));
}

}  // namespace miaudit
#endif
