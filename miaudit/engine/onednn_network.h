#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "miaudit/engine/descriptors.h"
#include "miaudit/engine/held_signals.h"
#include "miaudit/engine/network.h"
#include "miaudit/math/first_layer.h"

namespace miaudit::onednn {

inline memory::dim dim(size_t value) {
  return static_cast<memory::dim>(value);
}

inline memory::dims dims_of(const std::vector<size_t>& shape) {
  return {shape.begin(), shape.end()};
}

inline memory::format_tag plain_tag(size_t axes) {
  return axes == 4 ? memory::format_tag::abcd : axes == 2 ? memory::format_tag::ab : memory::format_tag::a;
}

inline MemoryDesc described(const memory::dims& dims, memory::data_type type, memory::format_tag tag) {
  return {dims, type, tag};
}
inline MemoryDesc plain(const memory::dims& dims, memory::data_type type) {
  return described(dims, type, plain_tag(dims.size()));
}
inline MemoryDesc any(const memory::dims& dims, memory::data_type type) {
  return described(dims, type, memory::format_tag::any);
}

inline std::span<float> floats_of(const memory& m) {
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

/// The network on oneDNN: steps that are put together once, in onednn_layers.cc, and run for each batch.
class OnednnNetwork final : public Network {
 public:
  OnednnNetwork(const Architecture& architecture, size_t batch, Precision precision, Purpose purpose);

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

  void to_plain(size_t parameter, std::span<const float> own, std::span<float> plain_values) override;
  void from_plain(size_t parameter, std::span<const float> plain_values, std::span<float> own) override;

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
    const HeldSignals held;
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
    memory copy = owned(wanted);
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
    const auto description = sum(setting_, gradient.data.get_desc());
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
  Setting setting_;
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

}  // namespace miaudit::onednn
