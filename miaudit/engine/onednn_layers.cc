#include <algorithm>
#include <string_view>

#include "miaudit/engine/onednn_network.h"
#include "miaudit/math/pool.h"

namespace miaudit::onednn {
namespace {

struct Convolution {
  using Forward = dnnl::convolution_forward;
  using Data = dnnl::convolution_backward_data;
  using Weights = dnnl::convolution_backward_weights;
  static auto forward(const Setting& s, const Layer& l, const Weighted& m) { return convolution(s, l, m); }
  static auto data(const Setting& s, const Layer& l, const Weighted& m, const Forward::primitive_desc& hint) {
    return convolution_data(s, l, m, hint);
  }
  static auto weights(const Setting& s, const Layer& l, const Weighted& m, const Forward::primitive_desc& hint) {
    return convolution_weights(s, l, m, hint);
  }
};

struct Dense {
  using Forward = dnnl::inner_product_forward;
  using Data = dnnl::inner_product_backward_data;
  using Weights = dnnl::inner_product_backward_weights;
  static auto forward(const Setting& s, const Layer&, const Weighted& m) { return dense(s, m); }
  static auto data(const Setting& s, const Layer&, const Weighted& m, const Forward::primitive_desc& hint) {
    return dense_data(s, m, hint);
  }
  static auto weights(const Setting& s, const Layer&, const Weighted& m, const Forward::primitive_desc& hint) {
    return dense_weights(s, m, hint);
  }
};

}  // namespace

void OnednnNetwork::add_layer(size_t i) {
  const Layer& layer = architecture_.layers[i];
  backward_makers_.emplace_back();
  switch (layer.kind) {
    case LayerKind::convolution:
      add_weighted<Convolution>(i, layer);
      break;
    case LayerKind::dense:
      add_weighted<Dense>(i, layer);
      break;
    case LayerKind::relu:
      add_relu(i, layer);
      break;
    case LayerKind::max_pool:
    case LayerKind::average_pool:
      add_pool(i, layer);
      break;
    case LayerKind::batch_norm:
      add_batch_norm(i, layer);
      break;
    case LayerKind::add:
      add_sum(i, layer);
      break;
  }
  // A room is given back when its last reader stands, unless the way back needs it: then the reader holds on to it.
  for (const size_t read : {layer.input, layer.other}) {
    if (read == layer.other && layer.kind != LayerKind::add) continue;
    if (--values_[read].readers == 0) values_[read].data.hold.reset();
  }
}

/// The first convolution where oneDNN would make its weights' gradient by way of a plain product, several times slower
/// than ours: on CPUs without AVX-512, of images of one channel. Empty for any other layer.
template <class Forward, class Weights>
std::optional<FirstLayerShape> OnednnNetwork::slow_first_layer(const Layer& layer, const Forward& forward,
                                                               const Weights& weights) const {
  const Shape& in = architecture_.input;
  const bool is_ours = layer.kind == LayerKind::convolution && layer.input == 0 && layer.has_bias && in.channels == 1 &&
                       (layer.kernel == 3 || layer.kernel == 5) && layer.stride == 1 && layer.padding == 0;
  if (!is_ours || std::string_view(weights.impl_info_str()).find("gemm") == std::string_view::npos) return {};
  const auto k = dim(layer.kernel);
  const bool is_blocked =
      layer.units % 8 == 0 &&
      forward.weights_desc() ==
          described({dim(layer.units), 1, k, k}, memory::data_type::f32, memory::format_tag::Acdb8a) &&
      forward.dst_desc() == described(dims_of(forward.dst_desc()), memory::data_type::f32, memory::format_tag::aBcd8b);
  if (!is_blocked) return {};
  return FirstLayerShape{batch_, in.height, in.width, layer.kernel, layer.units / 8};
}

/// A convolution or dense layer. The weights lie as their gradient comes, so that an update is one pass over both; the
/// forward and backward products get copies in their own layouts where those differ.
template <class Kind>
void OnednnNetwork::add_weighted(size_t i, const Layer& layer) {
  constexpr bool kIsDense = std::is_same_v<Kind, Dense>;
  const auto f32 = memory::data_type::f32;
  const Parameter& parameter = parameters_[tensors_.size()];
  const memory::dims weight_dims = dims_of(parameter.shape), in_4d = dims_of_value(layer.input);
  const memory::dims bias_dims = {dim(layer.units)}, out_4d = dims_of_value(i + 1);
  const memory::dims in_dims = kIsDense ? memory::dims{in_4d[0], in_4d[1] * in_4d[2] * in_4d[3]} : in_4d;
  const memory::dims out_dims = kIsDense ? memory::dims{out_4d[0], out_4d[1]} : out_4d;
  const bool is_last = i + 1 == architecture_.layers.size();

  // A dense layer reads an image as one plain row.
  Room source = values_[layer.input].data;
  const bool flattens = kIsDense && dims_of(source.data.get_desc()).size() == 4;
  if (flattens) {
    source = in_layout(forward_, source, plain(in_4d, activation_));
    source.data = memory(plain(in_dims, activation_), setting_.engine, source.data.get_data_handle());
  }

  Weighted wanted;
  const bool reads_records = layer.input == 0;
  wanted.source = kIsDense || reads_records ? source.data.get_desc() : any(in_dims, activation_);
  wanted.weights = any(weight_dims, activation_);
  if (layer.has_bias) wanted.bias = plain(bias_dims, f32);
  wanted.destination = is_last    ? plain(out_dims, f32)
                       : kIsDense ? plain(out_dims, activation_)
                                  : any(out_dims, activation_);
  const auto description = Kind::forward(setting_, layer, wanted);

  std::optional<typename Kind::Weights::primitive_desc> for_weights;
  if (trains()) {
    Weighted back = wanted;
    back.weights = any(weight_dims, f32);
    back.destination = any(out_dims, activation_);
    for_weights = Kind::weights(setting_, layer, back, description);
  }
  MemoryDesc weight_layout = for_weights ? for_weights->diff_weights_desc() : description.weights_desc();
  if (for_weights && slow_first_layer(layer, description, *for_weights)) weight_layout = description.weights_desc();
  if (!for_weights && activation_ != f32) weight_layout = plain(weight_dims, f32);
  const Tensor weights = next_parameter(weight_layout);
  Tensor bias;
  if (layer.has_bias) bias = next_parameter(plain(bias_dims, f32));

  const Room read = in_layout(forward_, source, description.src_desc());
  Room made = arena_.take(description.dst_desc());
  std::unordered_map<int, memory> arguments = {
      {DNNL_ARG_SRC, read.data},
      {DNNL_ARG_WEIGHTS, copy_in_layout(forward_, weights.weights, description.weights_desc())},
      {DNNL_ARG_DST, made.data}};
  if (layer.has_bias) arguments[DNNL_ARG_BIAS] = bias.weights;
  add_step(forward_, typename Kind::Forward(description), description, arguments);
  values_[i + 1].data = made;
  if (!trains()) return;

  backward_makers_[i] = [=, this] {
    Value& out = values_[i + 1];
    if (const auto shape = slow_first_layer(layer, description, *for_weights)) {
      const Room gradient = in_layout(backward_, *out.gradient, description.dst_desc());
      add_work(backward_, [=] {
        first_layer_gradient(*shape, values_of<float>(read), values_of<float>(gradient),
                             floats_of(weights.gradient).data(), floats_of(bias.gradient).data());
      });
      return;
    }
    const Room gradient = in_layout(backward_, *out.gradient, for_weights->diff_dst_desc());
    std::unordered_map<int, memory> of_weights = {
        {DNNL_ARG_SRC, in_layout(backward_, read, for_weights->src_desc()).data},
        {DNNL_ARG_DIFF_DST, gradient.data},
        {DNNL_ARG_DIFF_WEIGHTS, weights.gradient}};
    if (layer.has_bias) of_weights[DNNL_ARG_DIFF_BIAS] = bias.gradient;
    add_step(backward_, typename Kind::Weights(*for_weights), *for_weights, of_weights);
    if (layer.input == 0) return;

    Weighted back = wanted;
    back.source = kIsDense ? plain(in_dims, activation_) : any(in_dims, activation_);
    back.destination = any(out_dims, activation_);
    const auto for_data = Kind::data(setting_, layer, back, description);
    const bool is_at_hand = gradient.data.get_desc() == for_data.diff_dst_desc();
    const Room of_out = is_at_hand ? gradient : in_layout(backward_, *out.gradient, for_data.diff_dst_desc());
    Room of_source = arena_.take(for_data.diff_src_desc());
    add_step(backward_, typename Kind::Data(for_data), for_data,
             {{DNNL_ARG_WEIGHTS, copy_in_layout(backward_, weights.weights, for_data.weights_desc())},
              {DNNL_ARG_DIFF_DST, of_out.data},
              {DNNL_ARG_DIFF_SRC, of_source.data}});
    if (flattens) of_source.data = memory(plain(in_4d, activation_), setting_.engine, of_source.data.get_data_handle());
    give_gradient(values_[layer.input], of_source);
  };
}

void OnednnNetwork::add_relu(size_t i, const Layer& layer) {
  Value& in = values_[layer.input];
  if (in.is_clipped) {
    values_[i + 1].data = in.data;
    if (trains())
      backward_makers_[i] = [=, this] {
        give_gradient(values_[layer.input], *values_[i + 1].gradient, values_[i + 1].is_shared);
      };
    return;
  }
  const MemoryDesc desc = in.data.data.get_desc();
  const auto description = relu(setting_, desc);
  // In place where nobody else reads the input.
  const bool in_place = in.readers == 1 && layer.input != 0;
  const Room read = in.data, made = in_place ? read : arena_.take(desc);
  add_step(forward_, dnnl::eltwise_forward(description), description,
           {{DNNL_ARG_SRC, read.data}, {DNNL_ARG_DST, made.data}});
  values_[i + 1].data = made;
  if (!trains()) return;
  backward_makers_[i] = [=, this] {
    if (layer.input == 0) return;
    Value& out = values_[i + 1];
    const Room gradient = in_layout(backward_, *out.gradient, desc);
    const Room result = out.is_shared ? arena_.take(desc) : gradient;
    const auto back = relu_data(setting_, desc, description);
    add_step(backward_, dnnl::eltwise_backward(back), back,
             {{DNNL_ARG_DST, made.data}, {DNNL_ARG_DIFF_DST, gradient.data}, {DNNL_ARG_DIFF_SRC, result.data}});
    give_gradient(values_[layer.input], result);
  };
}

/// oneDNN's pools take a third of a small network's time; ours take the ReLU behind with them. False where this one is
/// not for it: windows that overlap, no ReLU right behind, channels apart.
bool OnednnNetwork::add_pool_with_relu(size_t i, const Layer& layer) {
  const bool is_followed = i + 1 < architecture_.layers.size() && values_[i + 1].readers == 1 &&
                           architecture_.layers[i + 1].kind == LayerKind::relu &&
                           architecture_.layers[i + 1].input == i + 1;
  const bool is_apart = layer.kernel == layer.stride && layer.kernel >= 2 && layer.kernel <= 15;
  const Room read = values_[layer.input].data;
  const auto layout = pixel_layout(read.data.get_desc());
  if (layer.kind != LayerKind::max_pool || !is_followed || !is_apart || layer.input == 0 || !layout) return false;
  const memory::dims in_dims = dims_of_value(layer.input), out_dims = dims_of_value(i + 1);
  const PoolShape shape{layout->planes, static_cast<size_t>(in_dims[2]), static_cast<size_t>(in_dims[3]), layout->lanes,
                        layer.kernel};
  const MemoryDesc in_desc = read.data.get_desc(), out_desc = described(out_dims, activation_, layout->tag);
  const Room made = arena_.take(out_desc);
  memory choice;
  if (trains())
    choice = owned(described({dim(shape.planes * shape.out_height() * shape.out_width() * shape.lanes)},
                             memory::data_type::u8, memory::format_tag::a));
  const bool is_bf16 = activation_ == memory::data_type::bf16;
  add_work(forward_, [=] {
    auto* chosen = choice ? static_cast<uint8_t*>(choice.get_data_handle()) : nullptr;
    if (is_bf16)
      max_pool_relu(shape, values_of<uint16_t>(read), values_of<uint16_t>(made), chosen);
    else
      max_pool_relu(shape, values_of<float>(read), values_of<float>(made), chosen);
  });
  values_[i + 1].data = made;
  values_[i + 1].is_clipped = true;
  if (!trains()) return true;
  backward_makers_[i] = [=, this] {
    const Room gradient = in_layout(backward_, *values_[i + 1].gradient, out_desc), result = arena_.take(in_desc);
    add_work(backward_, [=] {
      const auto* chosen = static_cast<const uint8_t*>(choice.get_data_handle());
      if (is_bf16)
        max_pool_relu_gradient(shape, values_of<uint16_t>(gradient), chosen, values_of<uint16_t>(result));
      else
        max_pool_relu_gradient(shape, values_of<float>(gradient), chosen, values_of<float>(result));
    });
    give_gradient(values_[layer.input], result);
  };
  return true;
}

void OnednnNetwork::add_pool(size_t i, const Layer& layer) {
  if (add_pool_with_relu(i, layer)) return;
  const Room read = values_[layer.input].data;
  const MemoryDesc desc = read.data.get_desc();
  const auto description = pooling(setting_, layer, desc, any(dims_of_value(i + 1), activation_));
  const Room made = arena_.take(description.dst_desc());
  std::unordered_map<int, memory> arguments = {{DNNL_ARG_SRC, read.data}, {DNNL_ARG_DST, made.data}};
  const MemoryDesc choice = description.workspace_desc();
  const memory chosen = choice.get_size() > 0 ? owned(choice) : memory();
  if (chosen) arguments[DNNL_ARG_WORKSPACE] = chosen;
  add_step(forward_, dnnl::pooling_forward(description), description, arguments);
  values_[i + 1].data = made;
  if (!trains()) return;
  backward_makers_[i] = [=, this] {
    if (layer.input == 0) return;
    const auto back = pooling_data(setting_, layer, desc, description.dst_desc(), description);
    const Room gradient = in_layout(backward_, *values_[i + 1].gradient, back.diff_dst_desc());
    const Room result = arena_.take(back.diff_src_desc());
    std::unordered_map<int, memory> of_pool = {{DNNL_ARG_DIFF_DST, gradient.data}, {DNNL_ARG_DIFF_SRC, result.data}};
    if (chosen) of_pool[DNNL_ARG_WORKSPACE] = chosen;
    add_step(backward_, dnnl::pooling_backward(back), back, of_pool);
    give_gradient(values_[layer.input], result);
  };
}

void OnednnNetwork::add_batch_norm(size_t i, const Layer& layer) {
  const Room read = values_[layer.input].data;
  const MemoryDesc desc = read.data.get_desc();
  const memory::dims dims = dims_of_value(i + 1);
  const MemoryDesc of_channels = plain({dims[1]}, memory::data_type::f32);
  const auto description = batch_norm(setting_, desc, false);
  const Room made = arena_.take(desc);
  const Tensor scale = next_parameter(of_channels), shift = next_parameter(of_channels);
  Norm norm;
  norm.running_mean = next_parameter(of_channels).weights;
  norm.running_variance = next_parameter(of_channels).weights;
  norm.mean = trains() ? owned(of_channels) : norm.running_mean;
  norm.variance = trains() ? owned(of_channels) : norm.running_variance;
  norm.values = static_cast<double>(dims[0] * dims[2] * dims[3]);
  norms_.push_back(norm);
  add_step(forward_, dnnl::batch_normalization_forward(description), description,
           {{DNNL_ARG_SRC, read.data},
            {DNNL_ARG_DST, made.data},
            {DNNL_ARG_MEAN, norm.mean},
            {DNNL_ARG_VARIANCE, norm.variance},
            {DNNL_ARG_SCALE, scale.weights},
            {DNNL_ARG_SHIFT, shift.weights}});
  values_[i + 1].data = made;
  if (!trains()) return;
  backward_makers_[i] = [=, this] {
    const Room gradient = in_layout(backward_, *values_[i + 1].gradient, desc);
    const Room result = arena_.take(desc);
    const auto back = batch_norm_data(setting_, desc, false, description);
    std::unordered_map<int, memory> arguments = {{DNNL_ARG_SRC, read.data},
                                                 {DNNL_ARG_MEAN, norm.mean},
                                                 {DNNL_ARG_VARIANCE, norm.variance},
                                                 {DNNL_ARG_SCALE, scale.weights},
                                                 {DNNL_ARG_DIFF_DST, gradient.data},
                                                 {DNNL_ARG_DIFF_SRC, result.data},
                                                 {DNNL_ARG_DIFF_SCALE, scale.gradient},
                                                 {DNNL_ARG_DIFF_SHIFT, shift.gradient}};
    if (kNormGradientTakesShift) arguments[DNNL_ARG_SHIFT] = shift.weights;
    add_step(backward_, dnnl::batch_normalization_backward(back), back, arguments);
    if (layer.input != 0) give_gradient(values_[layer.input], result);
  };
}

void OnednnNetwork::add_sum(size_t i, const Layer& layer) {
  const Room read = values_[layer.input].data;
  const MemoryDesc desc = read.data.get_desc();
  const Room other = in_layout(forward_, values_[layer.other].data, desc), made = arena_.take(desc);
  const auto description = sum(setting_, desc);
  add_step(forward_, dnnl::binary(description), description,
           {{DNNL_ARG_SRC_0, read.data}, {DNNL_ARG_SRC_1, other.data}, {DNNL_ARG_DST, made.data}});
  values_[i + 1].data = made;
  if (!trains()) return;
  backward_makers_[i] = [=, this] {
    // Both summands have the sum's gradient, and its very room.
    const Room gradient = *values_[i + 1].gradient;
    for (const size_t summand : {layer.input, layer.other}) {
      if (summand != 0) give_gradient(values_[summand], gradient, true);
    }
  };
}

}  // namespace miaudit::onednn
