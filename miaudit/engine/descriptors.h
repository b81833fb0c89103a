#pragma once

#include <oneapi/dnnl/dnnl.hpp>
#include <optional>

#include "miaudit/engine/architecture.h"

// Descriptions of primitives, under one interface for oneDNN 2 and 3: this file and its source are all that differs.
namespace miaudit::onednn {

using dnnl::memory;
using MemoryDesc = memory::desc;

memory::dims dims_of(const MemoryDesc& desc);
memory::data_type type_of(const MemoryDesc& desc);

/// A value's layout where the channels of a pixel lie together: [planes][height][width][lanes], `lanes` channels of an
/// image each plane. Empty for any other layout.
struct PixelLayout {
  memory::format_tag tag = memory::format_tag::undef;
  size_t planes = 0;
  size_t lanes = 0;
};
std::optional<PixelLayout> pixel_layout(const MemoryDesc& desc);

/// What every description needs: where it will run, and that its scratchpad comes from the caller.
struct Setting {
  dnnl::engine engine;
  dnnl::primitive_attr attributes;
  bool trains = false;
  dnnl::prop_kind forward_kind() const {
    return trains ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
  }
};

/// Memory descriptions of a layer with weights, with format `any` where the primitive may choose. `bias` is empty (a
/// default MemoryDesc) for none.
struct Weighted {
  MemoryDesc source, weights, bias, destination;
};

dnnl::convolution_forward::primitive_desc convolution(const Setting&, const Layer&, const Weighted&);
dnnl::convolution_backward_data::primitive_desc convolution_data(const Setting&, const Layer&, const Weighted&,
                                                                 const dnnl::convolution_forward::primitive_desc&);
dnnl::convolution_backward_weights::primitive_desc convolution_weights(
    const Setting&, const Layer&, const Weighted&, const dnnl::convolution_forward::primitive_desc&);

dnnl::inner_product_forward::primitive_desc dense(const Setting&, const Weighted&);
dnnl::inner_product_backward_data::primitive_desc dense_data(const Setting&, const Weighted&,
                                                             const dnnl::inner_product_forward::primitive_desc&);
dnnl::inner_product_backward_weights::primitive_desc dense_weights(const Setting&, const Weighted&,
                                                                   const dnnl::inner_product_forward::primitive_desc&);

/// `layer.kernel` 0 stands for the whole image of `source`.
dnnl::pooling_forward::primitive_desc pooling(const Setting&, const Layer&, const MemoryDesc& source,
                                              const MemoryDesc& destination);
dnnl::pooling_backward::primitive_desc pooling_data(const Setting&, const Layer&, const MemoryDesc& source,
                                                    const MemoryDesc& destination,
                                                    const dnnl::pooling_forward::primitive_desc&);

dnnl::eltwise_forward::primitive_desc relu(const Setting&, const MemoryDesc& value);
/// From the value that ReLU gave, not the one that it got: so it can work in place.
dnnl::eltwise_backward::primitive_desc relu_data(const Setting&, const MemoryDesc& value,
                                                 const dnnl::eltwise_forward::primitive_desc&);

/// With a following ReLU in the same pass where `has_relu`.
dnnl::batch_normalization_forward::primitive_desc batch_norm(const Setting&, const MemoryDesc& value, bool has_relu);
dnnl::batch_normalization_backward::primitive_desc batch_norm_data(
    const Setting&, const MemoryDesc& value, bool has_relu, const dnnl::batch_normalization_forward::primitive_desc&);

/// Whether the way back through a batch norm must be given the shift, which it has no use for.
inline constexpr bool kNormGradientTakesShift = DNNL_VERSION_MAJOR < 3;

/// Elementwise sum of two values of one description.
dnnl::binary::primitive_desc sum(const Setting&, const MemoryDesc& value);

/// Added to the variance of a batch norm.
inline constexpr float kNormEpsilon = 1e-5f;

}  // namespace miaudit::onednn
