#include "miaudit/engine/architecture.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "miaudit/base/error.h"

namespace miaudit {
namespace {

const char* kind_name(LayerKind kind) {
  switch (kind) {
    case LayerKind::convolution:
      return "convolution";
    case LayerKind::dense:
      return "dense";
    case LayerKind::relu:
      return "relu";
    case LayerKind::max_pool:
      return "max-pool";
    case LayerKind::average_pool:
      return "average-pool";
    case LayerKind::batch_norm:
      return "batch norm";
    case LayerKind::add:
      return "residual sum";
  }
  return "";
}

/// Places of a window of `kernel` along `side` with zeros on both ends.
size_t places(size_t side, const Layer& layer) {
  return (side + 2 * layer.padding - layer.kernel) / layer.stride + 1;
}

Shape windowed(const Architecture& architecture, size_t i, const Layer& layer, Shape in, size_t channels) {
  const size_t side = std::min(in.height, in.width) + 2 * layer.padding;
  if (layer.kernel == 0 || layer.stride == 0 || side < layer.kernel)
    fail(Category::config, "{}: layer {} ({} of {}x{}) gets images of {}x{}, smaller than its window",
         architecture.name, i, kind_name(layer.kind), layer.kernel, layer.kernel, in.height, in.width);
  return {channels, places(in.height, layer), places(in.width, layer)};
}

Shape shape_after(const Architecture& architecture, size_t i, const Layer& layer, Shape in, Shape other) {
  switch (layer.kind) {
    case LayerKind::convolution:
      return windowed(architecture, i, layer, in, layer.units);
    case LayerKind::dense:
      return {layer.units, 1, 1};
    case LayerKind::max_pool:
    case LayerKind::average_pool:
      if (layer.kernel == 0) return {in.channels, 1, 1};
      return windowed(architecture, i, layer, in, in.channels);
    case LayerKind::add:
      if (!(in == other))
        fail(Category::config, "{}: layer {} adds values of {}x{}x{} and {}x{}x{}; both must have one shape",
             architecture.name, i, in.channels, in.height, in.width, other.channels, other.height, other.width);
      return in;
    case LayerKind::relu:
    case LayerKind::batch_norm:
      break;
  }
  return in;
}

/// Adds layers one behind the other; a value's number is what place() returns.
class Builder {
 public:
  explicit Builder(Architecture& network) : network_(network) {}
  size_t place(Layer layer) {
    network_.layers.push_back(layer);
    return network_.layers.size();
  }
  void convolution(size_t units, size_t kernel) {
    place({.kind = LayerKind::convolution, .input = last(), .units = units, .kernel = kernel});
  }
  void max_pool(size_t side) { place({.kind = LayerKind::max_pool, .input = last(), .kernel = side, .stride = side}); }
  void dense(size_t units) { place({.kind = LayerKind::dense, .input = last(), .units = units}); }
  void relu() { place({.kind = LayerKind::relu, .input = last()}); }
  size_t last() const { return network_.layers.size(); }

 private:
  Architecture& network_;
};

void build_logistic(Architecture& network, std::span<const size_t>) {
  Builder(network).dense(network.classes);
}

void build_mlp(Architecture& network, std::span<const size_t> widths) {
  Builder build(network);
  for (const size_t width : widths) {
    build.dense(width);
    build.relu();
  }
  build.dense(network.classes);
}

/// Two 5×5 convolutions with pools, then dense layers. ReLU comes behind the pool: the maximum commutes with it, and a
/// quarter of the values is left to clip.
void build_two_convolutions(Architecture& network, size_t first, size_t second) {
  Builder build(network);
  for (const size_t channels : {first, second}) {
    build.convolution(channels, 5);
    build.max_pool(2);
    build.relu();
  }
  build.dense(128);
  build.relu();
  build.dense(network.classes);
}
void build_cnn(Architecture& network, std::span<const size_t>) {
  build_two_convolutions(network, 16, 32);
}
void build_cnn_small(Architecture& network, std::span<const size_t>) {
  build_two_convolutions(network, 6, 16);
}

/// He et al. 2016 (arXiv:1512.03385) §4.2, with a strided 1×1 convolution where a stage changes the shape.
void build_resnet20(Architecture& network, std::span<const size_t>) {
  Builder build(network);
  const auto normed = [&](size_t input, size_t units, size_t kernel, size_t stride) {
    const size_t made = build.place({.kind = LayerKind::convolution,
                                     .input = input,
                                     .units = units,
                                     .kernel = kernel,
                                     .stride = stride,
                                     .padding = kernel / 2,
                                     .has_bias = false});
    return build.place({.kind = LayerKind::batch_norm, .input = made});
  };
  normed(0, 16, 3, 1);
  build.relu();
  for (const size_t units : {16, 32, 64}) {
    for (size_t block = 0; block < 3; ++block) {
      const size_t stride = units != 16 && block == 0 ? 2 : 1, before = build.last();
      normed(before, units, 3, stride);
      build.relu();
      const size_t made = normed(build.last(), units, 3, 1);
      const size_t shortcut = stride == 1 ? before : normed(before, units, 1, stride);
      build.place({.kind = LayerKind::add, .input = made, .other = shortcut});
      build.relu();
    }
  }
  build.place({.kind = LayerKind::average_pool, .input = build.last()});
  build.dense(network.classes);
}

constexpr ArchitectureRow kTable[] = {
    {"logistic", "multinomial logistic regression", false, 1, build_logistic},
    {"mlp", "dense layers with ReLU; --widths says how wide (256)", true, 1, build_mlp},
    {"cnn-small", "convolutions 5x5 of 6 and 16 channels with max-pools, dense 128 (LeNet's shape)", false, 16,
     build_cnn_small},
    {"cnn", "convolutions 5x5 of 16 and 32 channels with max-pools, dense 128: the classic target", false, 16,
     build_cnn},
    {"resnet20", "residual network of 20 layers with batch norms (He et al. 2016)", false, 4, build_resnet20},
};

}  // namespace

size_t Parameter::size() const {
  size_t size = 1;
  for (const size_t extent : shape) size *= extent;
  return size;
}

std::vector<Shape> layer_shapes(const Architecture& architecture) {
  if (architecture.layers.empty()) fail(Category::config, "{}: no layers", architecture.name);
  std::vector<Shape> values = {architecture.input};
  for (size_t i = 0; i < architecture.layers.size(); ++i) {
    const Layer& layer = architecture.layers[i];
    const bool makes_units = layer.kind == LayerKind::convolution || layer.kind == LayerKind::dense;
    if (makes_units && layer.units == 0)
      fail(Category::config, "{}: layer {} ({}) makes no units", architecture.name, i, kind_name(layer.kind));
    if (layer.input > i || layer.other > i)
      fail(Category::config, "{}: layer {} reads the value {}, which comes later", architecture.name, i,
           std::max(layer.input, layer.other));
    values.push_back(shape_after(architecture, i, layer, values[layer.input], values[layer.other]));
  }
  if (architecture.layers.back().kind != LayerKind::dense)
    fail(Category::config, "{}: the last layer is a {}; logits come from a dense layer", architecture.name,
         kind_name(architecture.layers.back().kind));
  if (!(values.back() == Shape{architecture.classes, 1, 1}))
    fail(Category::config, "{}: the last layer gives {}x{}x{} values, not {} logits", architecture.name,
         values.back().channels, values.back().height, values.back().width, architecture.classes);
  return {values.begin() + 1, values.end()};
}

std::vector<Parameter> parameters(const Architecture& architecture) {
  const std::vector<Shape> shapes = layer_shapes(architecture);
  std::vector<Parameter> all;
  for (size_t i = 0; i < architecture.layers.size(); ++i) {
    const Layer& layer = architecture.layers[i];
    const Shape in = layer.input == 0 ? architecture.input : shapes[layer.input - 1];
    const std::string name = fmt::format("layer{}.", i);
    if (layer.kind == LayerKind::convolution || layer.kind == LayerKind::dense) {
      std::vector<size_t> shape = {layer.units, in.size()};
      if (layer.kind == LayerKind::convolution) shape = {layer.units, in.channels, layer.kernel, layer.kernel};
      size_t fan_in = 1;
      for (size_t axis = 1; axis < shape.size(); ++axis) fan_in *= shape[axis];
      all.push_back({.name = name + "weight", .shape = shape, .fan_in = fan_in, .decays = true});
      if (layer.has_bias) all.push_back({.name = name + "bias", .shape = {layer.units}, .fan_in = fan_in});
    } else if (layer.kind == LayerKind::batch_norm) {
      for (const char* of_norm : {"weight", "bias"}) all.push_back({.name = name + of_norm, .shape = {in.channels}});
      for (const char* statistic : {"running_mean", "running_variance"})
        all.push_back({.name = name + statistic, .shape = {in.channels}, .is_trained = false});
    }
  }
  return all;
}

double forward_operations(const Architecture& architecture) {
  const std::vector<Shape> shapes = layer_shapes(architecture);
  double operations = 0;
  for (size_t i = 0; i < architecture.layers.size(); ++i) {
    const Layer& layer = architecture.layers[i];
    const Shape in = layer.input == 0 ? architecture.input : shapes[layer.input - 1];
    if (layer.kind == LayerKind::dense) operations += 2.0 * static_cast<double>(in.size() * layer.units);
    if (layer.kind == LayerKind::convolution)
      operations += 2.0 * static_cast<double>(in.channels * layer.kernel * layer.kernel * shapes[i].size());
  }
  return operations;
}

std::span<const ArchitectureRow> architecture_table() {
  return kTable;
}

Architecture make_architecture(const std::string& name, Shape input, size_t classes, std::span<const size_t> widths) {
  const auto row = std::find_if(std::begin(kTable), std::end(kTable), [&](const auto& r) { return name == r.name; });
  if (row == std::end(kTable)) {
    std::vector<std::string> names;
    for (const ArchitectureRow& known : kTable) names.emplace_back(known.name);
    const std::string nearest = nearest_name(name, names);
    fail(Category::config, "unknown architecture '{}'{}; known: {}", name,
         nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest), fmt::join(names, ", "));
  }
  if (!widths.empty() && !row->takes_widths)
    fail(Category::config, "--widths: {} has no layers to choose a width for; use mlp", name);
  if (std::find(widths.begin(), widths.end(), size_t{0}) != widths.end())
    fail(Category::config, "--widths: a layer of 0 units; expected 1 or more each");
  if (classes < 2) fail(Category::config, "{}: {} class; a classifier needs 2 or more", name, classes);
  if (std::min(input.height, input.width) < row->smallest_side)
    fail(Category::config, "{} cannot take records of {}x{}x{} (height x width x channels): the smallest are {}x{}",
         name, input.height, input.width, input.channels, row->smallest_side, row->smallest_side);
  Architecture network{name, input, classes, {}};
  row->build(network, widths.empty() ? std::span(&kDefaultWidth, 1) : widths);
  layer_shapes(network);
  return network;
}

}  // namespace miaudit
