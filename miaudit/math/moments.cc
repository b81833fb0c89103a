#include "miaudit/math/moments.h"

#include <algorithm>
#include <array>

// As in kernels.cc: four targets are enough.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "miaudit/math/moments.cc"
// foreach_target.h must come first: it includes this file once for each target.
// clang-format off
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

#ifndef MIAUDIT_MATH_MOMENTS_BLOCK
#define MIAUDIT_MATH_MOMENTS_BLOCK
namespace miaudit {
/// So many values of a model at a time: two sums of each stay in the first cache, and 256 models' in the second.
inline constexpr size_t kMomentsBlock = 256;
using MomentsRow = std::array<double, kMomentsBlock>;
}  // namespace miaudit
#endif

HWY_BEFORE_NAMESPACE();
namespace miaudit::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

/// Which lanes' sides equal `side`.
template <class D>
HWY_INLINE hn::Mask<D> is_side(D d, const int8_t* sides, int8_t side) {
  const hn::Rebind<int8_t, D> bytes;
  const hn::Rebind<int32_t, D> words;
  const hn::Rebind<int64_t, D> integers;
  const auto wide = hn::PromoteTo(integers, hn::PromoteTo(words, hn::LoadU(bytes, sides)));
  return hn::RebindMask(d, hn::Eq(wide, hn::Set(integers, side)));
}

template <class Step>
HWY_INLINE void each_vector(size_t count, const Step& step) {
  const hn::ScalableTag<double> whole;
  const hn::CappedTag<double, 1> one;
  size_t i = 0;
  for (; i + hn::Lanes(whole) <= count; i += hn::Lanes(whole)) step(whole, i);
  for (; i < count; ++i) step(one, i);
}

/// Adds a model's values, and one for each of them, to the sums of their sides.
void add_values(const double* values, const int8_t* sides, size_t count, double* in, double* out, double* in_count,
                double* out_count) {
  each_vector(count, [&](auto d, size_t i) HWY_ATTR {
    const auto value = hn::LoadU(d, values + i);
    const auto is_in = is_side(d, sides + i, 1);
    const auto is_out = is_side(d, sides + i, 0);
    const auto one = hn::Set(d, 1.0);
    hn::StoreU(hn::Add(hn::LoadU(d, in + i), hn::IfThenElseZero(is_in, value)), d, in + i);
    hn::StoreU(hn::Add(hn::LoadU(d, out + i), hn::IfThenElseZero(is_out, value)), d, out + i);
    hn::StoreU(hn::Add(hn::LoadU(d, in_count + i), hn::IfThenElseZero(is_in, one)), d, in_count + i);
    hn::StoreU(hn::Add(hn::LoadU(d, out_count + i), hn::IfThenElseZero(is_out, one)), d, out_count + i);
  });
}

/// Adds a model's squared deviations to the sums of their sides.
void add_squares(const double* values, const int8_t* sides, size_t count, const double* in_mean, const double* out_mean,
                 double* in, double* out) {
  each_vector(count, [&](auto d, size_t i) HWY_ATTR {
    const auto value = hn::LoadU(d, values + i);
    const auto from_in = hn::Sub(value, hn::LoadU(d, in_mean + i));
    const auto from_out = hn::Sub(value, hn::LoadU(d, out_mean + i));
    const auto is_in = is_side(d, sides + i, 1);
    const auto is_out = is_side(d, sides + i, 0);
    hn::StoreU(hn::Add(hn::LoadU(d, in + i), hn::IfThenElseZero(is_in, hn::Mul(from_in, from_in))), d, in + i);
    hn::StoreU(hn::Add(hn::LoadU(d, out + i), hn::IfThenElseZero(is_out, hn::Mul(from_out, from_out))), d, out + i);
  });
}

}  // namespace
}  // namespace miaudit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace miaudit {

HWY_EXPORT(add_values);
HWY_EXPORT(add_squares);

namespace {

/// The sides of values [first, first + count): a sample's side stands for each of its queries.
const int8_t* sides_of(const SidedValues& from, size_t model, size_t first, size_t count,
                       std::array<int8_t, kMomentsBlock>& expanded) {
  if (from.queries == 1) return from.sides[model] + first;
  for (size_t k = 0; k < count; ++k) expanded[k] = from.sides[model][(first + k) / from.queries];
  return expanded.data();
}

}  // namespace

void sided_moments(const SidedValues& from, size_t begin, size_t end, const SidedMoments& to) {
  const size_t last = end * from.queries;
  std::array<int8_t, kMomentsBlock> expanded;
  for (size_t first = begin * from.queries; first < last; first += kMomentsBlock) {
    const size_t count = std::min(kMomentsBlock, last - first);
    MomentsRow in_mean{}, out_mean{}, in_count{}, out_count{}, in_squares{}, out_squares{};
    for (size_t m = 0; m < from.values.size(); ++m) HWY_DYNAMIC_DISPATCH(add_values)
    (from.values[m] + first, sides_of(from, m, first, count, expanded), count, in_mean.data(), out_mean.data(),
     in_count.data(), out_count.data());
    for (size_t k = 0; k < count; ++k) {  // 0/0 is the NaN that is wanted
      in_mean[k] /= in_count[k];
      out_mean[k] /= out_count[k];
    }
    for (size_t m = 0; m < from.values.size(); ++m) HWY_DYNAMIC_DISPATCH(add_squares)
    (from.values[m] + first, sides_of(from, m, first, count, expanded), count, in_mean.data(), out_mean.data(),
     in_squares.data(), out_squares.data());
    for (size_t k = 0; k < count; ++k) {
      to.in_mean[first + k] = in_mean[k];
      to.out_mean[first + k] = out_mean[k];
      to.in_variance[first + k] = in_squares[k] / in_count[k];
      to.out_variance[first + k] = out_squares[k] / out_count[k];
    }
  }
}

}  // namespace miaudit
#endif
