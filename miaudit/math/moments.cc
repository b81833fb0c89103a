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
/// So many models at a time: their sums stay in registers meanwhile.
inline constexpr size_t kMomentsModels = 8;
}  // namespace miaudit
#endif

HWY_BEFORE_NAMESPACE();
namespace miaudit::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

/// Sides of as many records as there are lanes, as numbers that compare as wide as values.
template <class D>
HWY_INLINE hn::Vec<hn::RebindToSigned<D>> sides_at(D d, const int8_t* sides) {
  const hn::Rebind<int8_t, D> bytes;
  const hn::Rebind<int32_t, D> words;
  const hn::RebindToSigned<D> integers;
  return hn::PromoteTo(integers, hn::PromoteTo(words, hn::LoadU(bytes, sides)));
}
template <class D, class Sides>
HWY_INLINE hn::Mask<D> is_side(D d, Sides sides, int8_t side) {
  return hn::RebindMask(d, hn::Eq(sides, hn::Set(hn::RebindToSigned<D>(), side)));
}

template <class Step>
HWY_INLINE void each_vector(size_t count, const Step& step) {
  const hn::ScalableTag<double> whole;
  const hn::CappedTag<double, 1> one;
  size_t i = 0;
  for (; i + hn::Lanes(whole) <= count; i += hn::Lanes(whole)) step(whole, i);
  for (; i < count; ++i) step(one, i);
}

HWY_INLINE void fetch_to_second_cache(const double* values) {
  __builtin_prefetch(values, /*rw=*/0, /*locality=*/2);
}

/// Adds the values of `models` models, one after the other, to the sums of their sides. fetch: whether the next block's
/// values come nearer meanwhile, as they do in whichever pass is the last: the models lie far apart, and no machine
/// foresees the way from the end of one model's block to the next block of another. They come to the second cache,
/// which has room for all models' blocks as the first has not.
template <size_t models, bool fetch>
HWY_INLINE void add_values_of(const double* const* values, const int8_t* const* sides, size_t count, double* in,
                              double* out) {
  each_vector(count, [&](auto d, size_t i) HWY_ATTR {
    auto in_sum = hn::LoadU(d, in + i);
    auto out_sum = hn::LoadU(d, out + i);
    for (size_t m = 0; m < models; ++m) {
      const auto value = hn::LoadU(d, values[m] + i);
      if constexpr (fetch) fetch_to_second_cache(values[m] + i + kMomentsBlock);
      const auto side = sides_at(d, sides[m] + i);
      in_sum = hn::Add(in_sum, hn::IfThenElseZero(is_side(d, side, 1), value));
      out_sum = hn::Add(out_sum, hn::IfThenElseZero(is_side(d, side, 0), value));
    }
    hn::StoreU(in_sum, d, in + i);
    hn::StoreU(out_sum, d, out + i);
  });
}

/// The same of squared deviations, the last pass.
template <size_t models>
HWY_INLINE void add_squares_of(const double* const* values, const int8_t* const* sides, size_t count,
                               const double* in_mean, const double* out_mean, double* in, double* out) {
  each_vector(count, [&](auto d, size_t i) HWY_ATTR {
    auto in_sum = hn::LoadU(d, in + i);
    auto out_sum = hn::LoadU(d, out + i);
    const auto middle_in = hn::LoadU(d, in_mean + i), middle_out = hn::LoadU(d, out_mean + i);
    for (size_t m = 0; m < models; ++m) {
      const auto value = hn::LoadU(d, values[m] + i);
      fetch_to_second_cache(values[m] + i + kMomentsBlock);
      const auto side = sides_at(d, sides[m] + i);
      const auto is_in = is_side(d, side, 1);
      const auto from = hn::Sub(value, hn::IfThenElse(is_in, middle_in, middle_out));
      const auto square = hn::Mul(from, from);
      in_sum = hn::Add(in_sum, hn::IfThenElseZero(is_in, square));
      out_sum = hn::Add(out_sum, hn::IfThenElseZero(is_side(d, side, 0), square));
    }
    hn::StoreU(in_sum, d, in + i);
    hn::StoreU(out_sum, d, out + i);
  });
}

template <bool fetch>
HWY_INLINE void add_all_values(const double* const* values, const int8_t* const* sides, size_t models, size_t count,
                               double* in, double* out) {
  if (models == kMomentsModels) return add_values_of<kMomentsModels, fetch>(values, sides, count, in, out);
  for (size_t m = 0; m < models; ++m) add_values_of<1, fetch>(values + m, sides + m, count, in, out);
}

void add_values(const double* const* values, const int8_t* const* sides, size_t models, size_t count, bool fetch,
                double* in, double* out) {
  fetch ? add_all_values<true>(values, sides, models, count, in, out)
        : add_all_values<false>(values, sides, models, count, in, out);
}

void add_squares(const double* const* values, const int8_t* const* sides, size_t models, size_t count,
                 const double* in_mean, const double* out_mean, double* in, double* out) {
  if (models == kMomentsModels) return add_squares_of<kMomentsModels>(values, sides, count, in_mean, out_mean, in, out);
  for (size_t m = 0; m < models; ++m) add_squares_of<1>(values + m, sides + m, count, in_mean, out_mean, in, out);
}

}  // namespace
}  // namespace miaudit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace miaudit {

HWY_EXPORT(add_values);
HWY_EXPORT(add_squares);

namespace {

/// Up to kMomentsModels models' values [first, first + count), and their sides: a sample's stands for each of its
/// queries.
struct Batch {
  size_t models = 0;
  std::array<const double*, kMomentsModels> values;
  std::array<const int8_t*, kMomentsModels> sides;
  std::array<std::array<int8_t, kMomentsBlock>, kMomentsModels> expanded;

  void take(const SidedValues& from, size_t model, size_t first, size_t count) {
    models = std::min(kMomentsModels, from.values.size() - model);
    for (size_t m = 0; m < models; ++m) {
      values[m] = from.values[model + m] + first;
      sides[m] = from.sides[model + m] + first;
      if (from.queries == 1) continue;
      for (size_t k = 0; k < count; ++k) expanded[m][k] = from.sides[model + m][(first + k) / from.queries];
      sides[m] = expanded[m].data();
    }
  }
};

}  // namespace

void sided_moments(const SidedValues& from, size_t begin, size_t end, const SidedMoments& to) {
  const size_t last = end * from.queries;
  const bool are_means_all = to.in_variance.empty();
  Batch batch;
  for (size_t first = begin * from.queries; first < last; first += kMomentsBlock) {
    const size_t count = std::min(kMomentsBlock, last - first);
    MomentsRow in_mean{}, out_mean{}, in_squares{}, out_squares{}, in_count, out_count;
    for (size_t m = 0; m < from.values.size(); m += kMomentsModels) {
      batch.take(from, m, first, count);
      HWY_DYNAMIC_DISPATCH(add_values)
      (batch.values.data(), batch.sides.data(), batch.models, count, are_means_all, in_mean.data(), out_mean.data());
    }
    for (size_t k = 0; k < count; ++k) {  // 0/0 is the NaN that is wanted
      in_count[k] = from.in_counts[(first + k) / from.queries];
      out_count[k] = from.out_counts[(first + k) / from.queries];
      in_mean[k] /= in_count[k];
      out_mean[k] /= out_count[k];
    }
    std::copy_n(in_mean.begin(), count, to.in_mean.begin() + static_cast<ptrdiff_t>(first));
    std::copy_n(out_mean.begin(), count, to.out_mean.begin() + static_cast<ptrdiff_t>(first));
    if (are_means_all) continue;
    for (size_t m = 0; m < from.values.size(); m += kMomentsModels) {
      batch.take(from, m, first, count);
      HWY_DYNAMIC_DISPATCH(add_squares)
      (batch.values.data(), batch.sides.data(), batch.models, count, in_mean.data(), out_mean.data(), in_squares.data(),
       out_squares.data());
    }
    for (size_t k = 0; k < count; ++k) {
      to.in_variance[first + k] = in_squares[k] / in_count[k];
      to.out_variance[first + k] = out_squares[k] / out_count[k];
    }
  }
}

}  // namespace miaudit
#endif
