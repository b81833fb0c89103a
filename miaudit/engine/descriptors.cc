#include "miaudit/engine/descriptors.h"

#include <utility>

namespace miaudit::onednn {
namespace {

using dnnl::algorithm;
using dnnl::prop_kind;

// oneDNN 2 makes a primitive's description of an operation's; oneDNN 3 of the same arguments at once, and wants both
// sides of what 2 described once.
template <class Primitive, class... Arguments>
typename Primitive::primitive_desc forward(const Setting& setting, Arguments&&... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return {setting.engine, std::forward<Arguments>(arguments)..., setting.attributes};
#else
  return {typename Primitive::desc(std::forward<Arguments>(arguments)...), setting.attributes, setting.engine};
#endif
}
template <class Primitive, class Hint, class... Arguments>
typename Primitive::primitive_desc backward(const Setting& setting, const Hint& hint, Arguments&&... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return {setting.engine, std::forward<Arguments>(arguments)..., hint, setting.attributes};
#else
  return {typename Primitive::desc(std::forward<Arguments>(arguments)...), setting.attributes, setting.engine, hint};
#endif
}

memory::dim dim(size_t value) {
  return static_cast<memory::dim>(value);
}

struct Window {
  memory::dims kernel, stride, padding, dilation = {0, 0};
};

Window window_of(const Layer& layer, const MemoryDesc& source) {
  Window window;
  const memory::dims in = dims_of(source);
  for (size_t axis = 2; axis < 4; ++axis) {
    window.kernel.push_back(layer.kernel == 0 ? in[axis] : dim(layer.kernel));
    window.stride.push_back(dim(layer.stride));
    window.padding.push_back(dim(layer.padding));
  }
  return window;
}

algorithm pooling_algorithm(const Layer& layer) {
  return layer.kind == LayerKind::max_pool ? algorithm::pooling_max : algorithm::pooling_avg_exclude_padding;
}

dnnl::normalization_flags norm_flags(const Setting& setting, bool has_relu) {
  using Flags = dnnl::normalization_flags;
  Flags flags = Flags::use_scale | Flags::use_shift;
  if (!setting.trains) flags = flags | Flags::use_global_stats;
  return has_relu ? flags | Flags::fuse_norm_relu : flags;
}

}  // namespace

memory::dims dims_of(const MemoryDesc& desc) {
#if DNNL_VERSION_MAJOR >= 3
  return desc.get_dims();
#else
  return desc.dims();
#endif
}

dnnl::convolution_forward::primitive_desc convolution(const Setting& setting, const Layer& layer, const Weighted& m) {
  const Window w = window_of(layer, m.source);
  return forward<dnnl::convolution_forward>(setting, setting.forward_kind(), algorithm::convolution_direct, m.source,
                                            m.weights, m.bias, m.destination, w.stride, w.padding, w.padding);
}

dnnl::convolution_backward_data::primitive_desc convolution_data(
    const Setting& setting, const Layer& layer, const Weighted& m,
    const dnnl::convolution_forward::primitive_desc& hint) {
  const Window w = window_of(layer, m.source);
  return backward<dnnl::convolution_backward_data>(setting, hint, algorithm::convolution_direct, m.source, m.weights,
                                                   m.destination, w.stride, w.padding, w.padding);
}

dnnl::convolution_backward_weights::primitive_desc convolution_weights(
    const Setting& setting, const Layer& layer, const Weighted& m,
    const dnnl::convolution_forward::primitive_desc& hint) {
  const Window w = window_of(layer, m.source);
  return backward<dnnl::convolution_backward_weights>(setting, hint, algorithm::convolution_direct, m.source, m.weights,
                                                      m.bias, m.destination, w.stride, w.padding, w.padding);
}

dnnl::inner_product_forward::primitive_desc dense(const Setting& setting, const Weighted& m) {
  return forward<dnnl::inner_product_forward>(setting, setting.forward_kind(), m.source, m.weights, m.bias,
                                              m.destination);
}

dnnl::inner_product_backward_data::primitive_desc dense_data(const Setting& setting, const Weighted& m,
                                                             const dnnl::inner_product_forward::primitive_desc& hint) {
  return backward<dnnl::inner_product_backward_data>(setting, hint, m.source, m.weights, m.destination);
}

dnnl::inner_product_backward_weights::primitive_desc dense_weights(
    const Setting& setting, const Weighted& m, const dnnl::inner_product_forward::primitive_desc& hint) {
  return backward<dnnl::inner_product_backward_weights>(setting, hint, m.source, m.weights, m.bias, m.destination);
}

dnnl::pooling_forward::primitive_desc pooling(const Setting& setting, const Layer& layer, const MemoryDesc& source,
                                              const MemoryDesc& destination) {
  const Window w = window_of(layer, source);
  return forward<dnnl::pooling_forward>(setting, setting.forward_kind(), pooling_algorithm(layer), source, destination,
                                        w.stride, w.kernel,
#if DNNL_VERSION_MAJOR >= 3
                                        w.dilation,
#endif
                                        w.padding, w.padding);
}

dnnl::pooling_backward::primitive_desc pooling_data(const Setting& setting, const Layer& layer,
                                                    const MemoryDesc& source, const MemoryDesc& destination,
                                                    const dnnl::pooling_forward::primitive_desc& hint) {
  const Window w = window_of(layer, source);
  return backward<dnnl::pooling_backward>(setting, hint, pooling_algorithm(layer), source, destination, w.stride,
                                          w.kernel,
#if DNNL_VERSION_MAJOR >= 3
                                          w.dilation,
#endif
                                          w.padding, w.padding);
}

dnnl::eltwise_forward::primitive_desc relu(const Setting& setting, const MemoryDesc& value) {
#if DNNL_VERSION_MAJOR >= 3
  return forward<dnnl::eltwise_forward>(setting, setting.forward_kind(), algorithm::eltwise_relu, value, value, 0.f);
#else
  return forward<dnnl::eltwise_forward>(setting, setting.forward_kind(), algorithm::eltwise_relu, value, 0.f);
#endif
}

dnnl::eltwise_backward::primitive_desc relu_data(const Setting& setting, const MemoryDesc& value,
                                                 const dnnl::eltwise_forward::primitive_desc& hint) {
  constexpr auto kFromResult = algorithm::eltwise_relu_use_dst_for_bwd;
#if DNNL_VERSION_MAJOR >= 3
  return backward<dnnl::eltwise_backward>(setting, hint, kFromResult, value, value, value, 0.f);
#else
  return backward<dnnl::eltwise_backward>(setting, hint, kFromResult, value, value, 0.f);
#endif
}

dnnl::batch_normalization_forward::primitive_desc batch_norm(const Setting& setting, const MemoryDesc& value,
                                                             bool has_relu) {
  return forward<dnnl::batch_normalization_forward>(setting, setting.forward_kind(), value,
#if DNNL_VERSION_MAJOR >= 3
                                                    value,
#endif
                                                    kNormEpsilon, norm_flags(setting, has_relu));
}

dnnl::batch_normalization_backward::primitive_desc batch_norm_data(
    const Setting& setting, const MemoryDesc& value, bool has_relu,
    const dnnl::batch_normalization_forward::primitive_desc& hint) {
  return backward<dnnl::batch_normalization_backward>(setting, hint, prop_kind::backward, value, value,
#if DNNL_VERSION_MAJOR >= 3
                                                      value,
#endif
                                                      kNormEpsilon, norm_flags(setting, has_relu));
}

dnnl::binary::primitive_desc sum(const Setting& setting, const MemoryDesc& value) {
  return forward<dnnl::binary>(setting, algorithm::binary_add, value, value, value);
}

memory::data_type type_of(const MemoryDesc& desc) {
#if DNNL_VERSION_MAJOR >= 3
  return desc.get_data_type();
#else
  return desc.data_type();
#endif
}

std::optional<PixelLayout> pixel_layout(const MemoryDesc& desc) {
  const memory::dims dims = dims_of(desc);
  if (dims.size() != 4) return {};
  struct Candidate {
    memory::format_tag tag;
    memory::dim lanes;
  };
  for (const auto& [tag, lanes] : {Candidate{memory::format_tag::aBcd16b, 16}, Candidate{memory::format_tag::aBcd8b, 8},
                                   Candidate{memory::format_tag::acdb, dims[1]}}) {
    if (desc == MemoryDesc(dims, type_of(desc), tag))
      return PixelLayout{tag, static_cast<size_t>(dims[0] * ((dims[1] + lanes - 1) / lanes)),
                         static_cast<size_t>(lanes)};
  }
  return {};
}

}  // namespace miaudit::onednn
