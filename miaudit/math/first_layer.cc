#include "miaudit/math/first_layer.h"

#include <algorithm>

// As in kernels.cc: four targets are enough.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "miaudit/math/first_layer.cc"
// foreach_target.h must come first: it includes this file once for each target.
// clang-format off
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace miaudit::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kBlock = 8;

/// A row of the kernel: sums of gradient times pixel for each of its places. Named one by one: vectors of some targets
/// cannot stand in arrays.
template <size_t kKernel, class D>
struct KernelRow {
  using V = hn::Vec<D>;
  V s0, s1, s2, s3, s4;
  HWY_INLINE explicit KernelRow(D d)
      : s0(hn::Zero(d)), s1(hn::Zero(d)), s2(hn::Zero(d)), s3(hn::Zero(d)), s4(hn::Zero(d)) {}
  HWY_INLINE void add(D d, const float* pixels, V gradient) {
    s0 = hn::MulAdd(hn::Set(d, pixels[0]), gradient, s0);
    s1 = hn::MulAdd(hn::Set(d, pixels[1]), gradient, s1);
    s2 = hn::MulAdd(hn::Set(d, pixels[2]), gradient, s2);
    if constexpr (kKernel == 5) {
      s3 = hn::MulAdd(hn::Set(d, pixels[3]), gradient, s3);
      s4 = hn::MulAdd(hn::Set(d, pixels[4]), gradient, s4);
    }
  }
  HWY_INLINE void add_to(D d, float* weights) const {
    const auto add_place = [&](size_t kx, V sum) HWY_ATTR {
      hn::StoreU(hn::Add(hn::LoadU(d, weights + kx * kBlock), sum), d, weights + kx * kBlock);
    };
    add_place(0, s0);
    add_place(1, s1);
    add_place(2, s2);
    if constexpr (kKernel == 5) {
      add_place(3, s3);
      add_place(4, s4);
    }
  }
};

/// Adds one image's share of the weights in the kernel's rows `ky` and, where there is one, `ky` + 1, for one vector of
/// a block's channels. Two rows at once: the sums of one would wait for each other.
template <size_t kKernel, class D>
HWY_INLINE void add_kernel_rows(D d, const FirstLayerShape& shape, const float* image, const float* gradient, size_t ky,
                                float* weights) {
  const size_t out_height = shape.height - kKernel + 1, out_width = shape.width - kKernel + 1;
  const bool has_second = ky + 1 < kKernel;
  KernelRow<kKernel, D> first(d), second(d);
  for (size_t y = 0; y < out_height; ++y) {
    const float* row = image + (y + ky) * shape.width;
    const float* next_row = has_second ? row + shape.width : row;
    for (size_t x = 0; x < out_width; ++x, gradient += kBlock) {
      const auto g = hn::LoadU(d, gradient);
      first.add(d, row + x, g);
      second.add(d, next_row + x, g);
    }
  }
  first.add_to(d, weights + ky * kKernel * kBlock);
  if (has_second) second.add_to(d, weights + (ky + 1) * kKernel * kBlock);
}

template <class D>
HWY_INLINE void add_bias(D d, const float* gradient, size_t pixels, float* bias) {
  auto sum = hn::Zero(d);
  for (size_t i = 0; i < pixels; ++i) sum = hn::Add(sum, hn::LoadU(d, gradient + i * kBlock));
  hn::StoreU(hn::Add(hn::LoadU(d, bias), sum), d, bias);
}

template <size_t kKernel>
HWY_INLINE void add_gradients(const FirstLayerShape& shape, const float* images, const float* gradient, float* weights,
                              float* bias) {
  const hn::CappedTag<float, kBlock> d;
  const size_t pixels = (shape.height - kKernel + 1) * (shape.width - kKernel + 1);
  for (size_t n = 0; n < shape.batch; ++n, images += shape.height * shape.width) {
    for (size_t block = 0; block < shape.blocks; ++block, gradient += pixels * kBlock) {
      for (size_t lane = 0; lane < kBlock; lane += hn::Lanes(d)) {
        for (size_t ky = 0; ky < kKernel; ky += 2)
          add_kernel_rows<kKernel>(d, shape, images, gradient + lane, ky,
                                   weights + block * kKernel * kKernel * kBlock + lane);
        add_bias(d, gradient + lane, pixels, bias + block * kBlock + lane);
      }
    }
  }
}

void gradients(const FirstLayerShape& shape, const float* images, const float* gradient, float* weights, float* bias) {
  if (shape.kernel == 5)
    add_gradients<5>(shape, images, gradient, weights, bias);
  else
    add_gradients<3>(shape, images, gradient, weights, bias);
}

}  // namespace
}  // namespace miaudit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace miaudit {

HWY_EXPORT(gradients);

void first_layer_gradient(const FirstLayerShape& shape, const float* images, const float* gradient, float* weights,
                          float* bias) {
  std::fill_n(weights, shape.blocks * shape.kernel * shape.kernel * 8, 0.f);
  std::fill_n(bias, shape.blocks * 8, 0.f);
  HWY_DYNAMIC_DISPATCH(gradients)(shape, images, gradient, weights, bias);
}

}  // namespace miaudit
#endif
