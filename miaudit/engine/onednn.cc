#include <omp.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "miaudit/base/error.h"
#include "miaudit/engine/descriptors.h"
#include "miaudit/engine/network.h"
#include "miaudit/math/first_layer.h"
#include "miaudit/math/pool.h"

namespace miaudit {
namespace {

using dnnl::memory;
using onednn::MemoryDesc;

memory::dim dim(size_t value) {
  return static_cast<memory::dim>(value);
}

memory::dims dims_of(const std::vector<size_t>& shape) {
  return {shape.begin(), shape.end()};
}

memory::format_tag plain_tag(size_t axes) {
  return axes == 4 ? memory::format_tag::abcd : axes == 2 ? memory::format_tag::ab : memory::format_tag::a;
}

MemoryDesc described(const memory::dims& dims, memory::data_type type, memory::format_tag tag) {
  return {dims, type, tag};
}
MemoryDesc plain(const memory::dims& dims, memory::data_type type) {
  return described(dims, type, plain_tag(dims.size()));
}
MemoryDesc any(const memory::dims& dims, memory::data_type type) {
  return described(dims, type, memory::format_tag::any);
}

std::span<float> floats_of(const memory& m) {
  return {static_cast<float*>(m.get_data_handle()), m.get_desc().get_size() / sizeof(float)};
}

/// Memory that is lent while the network is put together: what a value no longer needs serves a later one.
class Arena {
 public:
  explicit Arena(dnnl::engine engine) : engine_(std::move(engine)) {}

  /// A room for as long as the caller holds on to it.
  struct Room {
    memory data;
    std::shared_ptr<void> hold;
  };
  Room take(const MemoryDesc& desc) {
    const size_t size = std::max<size_t>(desc.get_size(), 1);
    auto best = free_.end();
    for (auto it = free_.begin(); it != free_.end(); ++it) {
      const size_t have = rooms_[*it].get_desc().get_size();
      if (have >= size && have <= 2 * size && (best == free_.end() || have < rooms_[*best].get_desc().get_size()))
        best = it;
    }
    size_t room = rooms_.size();
    if (best == free_.end()) {
      rooms_.emplace_back(described({dim(size)}, memory::data_type::u8, memory::format_tag::a), engine_);
    } else {
      room = *best;
      free_.erase(best);
    }
    return {memory(desc, engine_, rooms_[room].get_data_handle()),
            std::shared_ptr<void>(nullptr, [this, room](void*) { free_.push_back(room); })};
  }

 private:
  dnnl::engine engine_;
  std::vector<memory> rooms_;
  std::vector<size_t> free_;
};

using Room = Arena::Room;

template <class T>
T* values_of(const Room& room) {
  return static_cast<T*>(room.data.get_data_handle());
}

/// A primitive with its arguments, or work of our own.
struct Step {
  dnnl::primitive primitive;
  std::unordered_map<int, memory> arguments;
  std::function<void()> own_work;
};

class OnednnNetwork final : public Network {
 public:
  OnednnNetwork(const Architecture& architecture, size_t batch, Precision precision, Purpose purpose)
      : architecture_(architecture),
        batch_(batch),
        setting_{dnnl::engine(dnnl::engine::kind::cpu, 0), {}, purpose == Purpose::training},
        stream_(setting_.engine),
        activation_(precision == Precision::bf16 ? memory::data_type::bf16 : memory::data_type::f32),
        parameters_(parameters(architecture)),
        arena_(setting_.engine) {
    // oneDNN splits each product over OpenMP's threads; here each thread has a network of its own.
    omp_set_num_threads(1);
    setting_.attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    build();
  }

  std::span<float> records() override { return floats_of(records_); }

  std::span<const float> forward() override {
    run(forward_);
    return floats_of(logits_);
  }

  void backward(std::span<const float> logit_gradient) override {
    std::copy(logit_gradient.begin(), logit_gradient.end(), floats_of(logit_gradient_).begin());
    run(backward_);
    for (const Norm& norm : norms_) norm.follow_batch();
  }

  std::span<const Slot> slots() override { return slots_; }

  void to_plain(size_t parameter, std::span<const float> own, std::span<float> plain_values) override {
    memory from(tensors_[parameter].get_desc(), setting_.engine, const_cast<float*>(own.data()));
    memory to(plain_desc(parameter), setting_.engine, plain_values.data());
    dnnl::reorder(from, to).execute(stream_, from, to);
    stream_.wait();
  }
  void from_plain(size_t parameter, std::span<const float> plain_values, std::span<float> own) override {
    std::fill(own.begin(), own.end(), 0.f);
    memory from(plain_desc(parameter), setting_.engine, const_cast<float*>(plain_values.data()));
    memory to(tensors_[parameter].get_desc(), setting_.engine, own.data());
    dnnl::reorder(from, to).execute(stream_, from, to);
    stream_.wait();
  }

 private:
  /// What a layer gives: its room while layers still read it, and the loss's gradient by it while that is put together.
  struct Value {
    Room data;
    std::optional<Room> gradient;
    bool is_shared = false;   ///< the gradient's room is another value's too, so nothing may work in place on it
    bool is_clipped = false;  ///< the layer that gave it did the ReLU that follows
    size_t readers = 0;
  };

  struct Norm {
    memory mean, variance, running_mean, running_variance;
    double values = 0;  ///< that each statistic is made of

    /// As PyTorch: a tenth of the way, the variance without bias.
    void follow_batch() const {
      const auto follow = [](const memory& running, const memory& batch, float scale) {
        const std::span<float> to = floats_of(running), from = floats_of(batch);
        for (size_t i = 0; i < to.size(); ++i) to[i] += 0.1f * (from[i] * scale - to[i]);
      };
      follow(running_mean, mean, 1);
      follow(running_variance, variance, static_cast<float>(values / std::max(values - 1, 1.0)));
    }
  };

  MemoryDesc plain_desc(size_t parameter) const {
    return plain(dims_of(parameters_[parameter].shape), memory::data_type::f32);
  }

  void run(const std::vector<Step>& steps) {
    for (const Step& step : steps) {
      if (step.own_work) {
        stream_.wait();
        step.own_work();
      } else {
        step.primitive.execute(stream_, step.arguments);
      }
    }
    stream_.wait();
  }

  memory owned(const MemoryDesc& desc) {
    memory m(desc, setting_.engine);
    std::fill_n(static_cast<std::byte*>(m.get_data_handle()), desc.get_size(), std::byte{0});
    return m;
  }

  template <class Description>
  void add_step(std::vector<Step>& steps, const dnnl::primitive& primitive, const Description& description,
                std::unordered_map<int, memory> arguments) {
    const MemoryDesc scratchpad = description.scratchpad_desc();
    if (scratchpad.get_size() > 0) {
      if (scratchpad.get_size() > scratchpad_bytes_) scratchpad_bytes_ = scratchpad.get_size();
      arguments[DNNL_ARG_SCRATCHPAD] = memory(scratchpad, setting_.engine, nullptr);
    }
    steps.push_back({primitive, std::move(arguments), nullptr});
  }
  static void add_work(std::vector<Step>& steps, std::function<void()> work) {
    steps.push_back({{}, {}, std::move(work)});
  }

  void add_reorder(std::vector<Step>& steps, const memory& from, const memory& to) {
    const dnnl::reorder::primitive_desc description(setting_.engine, from.get_desc(), setting_.engine, to.get_desc(),
                                                    setting_.attributes);
    add_step(steps, dnnl::reorder(description), description, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
  }

  /// The same numbers in the layout that a primitive wants.
  Room in_layout(std::vector<Step>& steps, const Room& room, const MemoryDesc& wanted) {
    if (room.data.get_desc() == wanted) return room;
    Room made = arena_.take(wanted);
    add_reorder(steps, room.data, made.data);
    return made;
  }

  /// The same for weights, which stay where they are.
  memory copy_in_layout(std::vector<Step>& steps, const memory& weights, const MemoryDesc& wanted) {
    if (weights.get_desc() == wanted) return weights;
    const memory copy = owned(wanted);
    add_reorder(steps, weights, copy);
    return copy;
  }

  /// A gradient by a value: the first reader's stands as it is, a later one is added.
  void give_gradient(Value& value, Room gradient, bool is_shared = false) {
    if (!value.gradient) {
      value.gradient = std::move(gradient);
      value.is_shared = is_shared;
      return;
    }
    const Room before = in_layout(backward_, *value.gradient, gradient.data.get_desc());
    const auto description = onednn::sum(setting_, gradient.data.get_desc());
    Room total = is_shared ? arena_.take(gradient.data.get_desc()) : gradient;
    add_step(backward_, dnnl::binary(description), description,
             {{DNNL_ARG_SRC_0, before.data}, {DNNL_ARG_SRC_1, gradient.data}, {DNNL_ARG_DST, total.data}});
    value.gradient = std::move(total);
    value.is_shared = false;
  }

  memory::dims dims_of_value(size_t value) const {
    const Shape shape = value == 0 ? architecture_.input : shapes_[value - 1];
    return {dim(batch_), dim(shape.channels), dim(shape.height), dim(shape.width)};
  }

  bool trains() const { return setting_.trains; }

  /// The next parameter, laid out as `desc`; `gradient` is filled by backward steps.
  struct Tensor {
    memory weights, gradient;
  };
  Tensor next_parameter(const MemoryDesc& desc) {
    Tensor tensor{owned(desc), {}};
    const Parameter& parameter = parameters_[tensors_.size()];
    const bool has_gradient = trains() && parameter.is_trained;
    if (has_gradient) tensor.gradient = owned(desc);
    tensors_.push_back(tensor.weights);
    gradients_.push_back(tensor.gradient);
    slots_.push_back({floats_of(tensor.weights),
                      has_gradient ? std::span<const float>(floats_of(tensor.gradient)) : std::span<const float>()});
    return tensor;
  }

  template <class Forward, class Weights>
  std::optional<FirstLayerShape> slow_first_layer(const Layer& layer, const Forward& forward,
                                                  const Weights& weights) const;
  void build();
  void add_layer(size_t i);
  template <class Kind>
  void add_weighted(size_t i, const Layer& layer);
  void add_relu(size_t i, const Layer& layer);
  void add_pool(size_t i, const Layer& layer);
  bool add_pool_with_relu(size_t i, const Layer& layer);
  void add_batch_norm(size_t i, const Layer& layer);
  void add_sum(size_t i, const Layer& layer);
  void place_scratchpad();

  Architecture architecture_;
  size_t batch_;
  onednn::Setting setting_;
  dnnl::stream stream_;
  memory::data_type activation_;
  std::vector<Parameter> parameters_;
  std::vector<Shape> shapes_;
  Arena arena_;

  std::vector<Value> values_;
  /// In the layers' order, called in the reverse. Each holds the rooms that its layer's way back reads.
  std::vector<std::function<void()>> backward_makers_;
  std::vector<Step> forward_, backward_;
  std::vector<memory> tensors_, gradients_;
  std::vector<Slot> slots_;
  std::vector<Norm> norms_;
  memory records_, logits_, logit_gradient_, scratchpad_;
  size_t scratchpad_bytes_ = 0;
};

struct Convolution {
  using Forward = dnnl::convolution_forward;
  using Data = dnnl::convolution_backward_data;
  using Weights = dnnl::convolution_backward_weights;
  static auto forward(const onednn::Setting& s, const Layer& l, const onednn::Weighted& m) {
    return onednn::convolution(s, l, m);
  }
  static auto data(const onednn::Setting& s, const Layer& l, const onednn::Weighted& m,
                   const Forward::primitive_desc& hint) {
    return onednn::convolution_data(s, l, m, hint);
  }
  static auto weights(const onednn::Setting& s, const Layer& l, const onednn::Weighted& m,
                      const Forward::primitive_desc& hint) {
    return onednn::convolution_weights(s, l, m, hint);
  }
};

struct Dense {
  using Forward = dnnl::inner_product_forward;
  using Data = dnnl::inner_product_backward_data;
  using Weights = dnnl::inner_product_backward_weights;
  static auto forward(const onednn::Setting& s, const Layer&, const onednn::Weighted& m) { return onednn::dense(s, m); }
  static auto data(const onednn::Setting& s, const Layer&, const onednn::Weighted& m,
                   const Forward::primitive_desc& hint) {
    return onednn::dense_data(s, m, hint);
  }
  static auto weights(const onednn::Setting& s, const Layer&, const onednn::Weighted& m,
                      const Forward::primitive_desc& hint) {
    return onednn::dense_weights(s, m, hint);
  }
};

void OnednnNetwork::build() {
  shapes_ = layer_shapes(architecture_);
  values_.resize(architecture_.layers.size() + 1);
  for (const Layer& layer : architecture_.layers) {
    ++values_[layer.input].readers;
    if (layer.kind == LayerKind::add) ++values_[layer.other].readers;
  }
  records_ = owned(plain(dims_of_value(0), memory::data_type::f32));
  values_[0].data = {records_, nullptr};
  if (activation_ != memory::data_type::f32)
    values_[0].data = in_layout(forward_, values_[0].data, plain(dims_of_value(0), activation_));

  for (size_t i = 0; i < architecture_.layers.size(); ++i) add_layer(i);

  const memory::dims dims = {dim(batch_), dim(architecture_.classes)};
  const MemoryDesc desc = plain(dims, memory::data_type::f32);
  logits_ = owned(desc);
  add_reorder(forward_, values_.back().data.data, logits_);

  if (trains()) {
    logit_gradient_ = owned(desc);
    values_.back().gradient = Room{logit_gradient_, nullptr};
    values_.back().is_shared = true;
    for (size_t i = architecture_.layers.size(); i-- > 0;) {
      if (backward_makers_[i]) backward_makers_[i]();
      backward_makers_[i] = nullptr;
      values_[i + 1].gradient.reset();
    }
  }
  place_scratchpad();
}

/// One scratchpad serves all steps, for they run one after another.
void OnednnNetwork::place_scratchpad() {
  if (scratchpad_bytes_ == 0) return;
  scratchpad_ = owned(described({dim(scratchpad_bytes_)}, memory::data_type::u8, memory::format_tag::a));
  for (std::vector<Step>* steps : {&forward_, &backward_}) {
    for (Step& step : *steps) {
      const auto found = step.arguments.find(DNNL_ARG_SCRATCHPAD);
      if (found != step.arguments.end()) found->second.set_data_handle(scratchpad_.get_data_handle());
    }
  }
}

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
  const bool is_blocked = layer.units % 8 == 0 &&
                          forward.weights_desc() == described({dim(layer.units), 1, k, k}, memory::data_type::f32,
                                                              memory::format_tag::Acdb8a) &&
                          forward.dst_desc() == described(onednn::dims_of(forward.dst_desc()), memory::data_type::f32,
                                                          memory::format_tag::aBcd8b);
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
  const bool flattens = kIsDense && onednn::dims_of(source.data.get_desc()).size() == 4;
  if (flattens) {
    source = in_layout(forward_, source, plain(in_4d, activation_));
    source.data = memory(plain(in_dims, activation_), setting_.engine, source.data.get_data_handle());
  }

  onednn::Weighted wanted;
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
    onednn::Weighted back = wanted;
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

    onednn::Weighted back = wanted;
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
  const auto description = onednn::relu(setting_, desc);
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
    const auto back = onednn::relu_data(setting_, desc, description);
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
  const auto layout = onednn::pixel_layout(read.data.get_desc());
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
  const auto description = onednn::pooling(setting_, layer, desc, any(dims_of_value(i + 1), activation_));
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
    const auto back = onednn::pooling_data(setting_, layer, desc, description.dst_desc(), description);
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
  const auto description = onednn::batch_norm(setting_, desc, false);
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
            {DNNL_ARG_SHIFT, shift.weights},
            {DNNL_ARG_SHIFT, shift.weights}});
  values_[i + 1].data = made;
  if (!trains()) return;
  backward_makers_[i] = [=, this] {
    const Room gradient = in_layout(backward_, *values_[i + 1].gradient, desc);
    const Room result = arena_.take(desc);
    const auto back = onednn::batch_norm_data(setting_, desc, false, description);
    add_step(backward_, dnnl::batch_normalization_backward(back), back,
             {{DNNL_ARG_SRC, read.data},
              {DNNL_ARG_MEAN, norm.mean},
              {DNNL_ARG_VARIANCE, norm.variance},
              {DNNL_ARG_SCALE, scale.weights},
              {DNNL_ARG_SHIFT, shift.weights},
              {DNNL_ARG_DIFF_DST, gradient.data},
              {DNNL_ARG_DIFF_SRC, result.data},
              {DNNL_ARG_DIFF_SCALE, scale.gradient},
              {DNNL_ARG_DIFF_SHIFT, shift.gradient}});
    if (layer.input != 0) give_gradient(values_[layer.input], result);
  };
}

void OnednnNetwork::add_sum(size_t i, const Layer& layer) {
  const Room read = values_[layer.input].data;
  const MemoryDesc desc = read.data.get_desc();
  const Room other = in_layout(forward_, values_[layer.other].data, desc), made = arena_.take(desc);
  const auto description = onednn::sum(setting_, desc);
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

}  // namespace

std::unique_ptr<Network> make_network(const Architecture& architecture, size_t batch, Precision precision,
                                      Purpose purpose) {
  const std::string why = why_unsupported(precision);
  if (!why.empty()) fail(Category::unsupported, "{}", why);
  try {
    return std::make_unique<OnednnNetwork>(architecture, batch, precision, purpose);
  } catch (const dnnl::error& error) {
    fail(Category::internal, "{}: oneDNN cannot make this network: {}", architecture.name, error.what());
  }
}

std::string engine_name() {
  const dnnl_version_t* version = dnnl_version();
  return fmt::format("oneDNN {}.{}.{}, isa {:#x}", version->major, version->minor, version->patch,
                     static_cast<unsigned>(dnnl::get_effective_cpu_isa()));
}

std::string why_unsupported(Precision precision) {
  if (precision == Precision::float32) return "";
  const unsigned isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const unsigned needed = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
  if ((isa & needed) == needed) return "";
  return "--precision bf16: this CPU has no AVX512_BF16 instructions, and emulating them is slower than float32; use "
         "--precision float32";
}

}  // namespace miaudit
