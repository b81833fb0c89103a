#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace miaudit {

/// Extent of one record: an image, or a table's row as `channels` features of 1×1.
struct Shape {
  size_t channels = 1;
  size_t height = 1;
  size_t width = 1;
  size_t size() const { return channels * height * width; }
  bool operator==(const Shape&) const = default;
};

enum class LayerKind { convolution, dense, relu, max_pool, average_pool, batch_norm, add };

/// One layer of a network. Its input is a value: 0 the records, i + 1 what layer i gives.
struct Layer {
  LayerKind kind = LayerKind::dense;
  size_t input = 0;
  size_t other = 0;      ///< add: the second summand's value
  size_t units = 0;      ///< convolution: channels made; dense: features made
  size_t kernel = 0;     ///< convolution, pools: side of the window; 0 pools over the whole image
  size_t stride = 1;     ///< convolution, pools
  size_t padding = 0;    ///< convolution: zeros around the image
  bool has_bias = true;  ///< convolution, dense
};

/// A network as data: what an engine interprets. The last layer gives the logits.
struct Architecture {
  std::string name;
  Shape input;
  size_t classes = 0;
  std::vector<Layer> layers;
};

/// A tensor of an architecture in its plain layout: row-major, as PyTorch lays it out.
struct Parameter {
  std::string name;           ///< "layer3.weight"; of a batch norm also bias, running_mean and running_variance
  std::vector<size_t> shape;  ///< convolution (out, in, height, width); dense (out, in); others (channels)
  size_t fan_in = 0;          ///< values that one output is made of; 0 for batch norms
  bool is_trained = true;     ///< false for the running statistics of a batch norm
  bool decays = false;        ///< weights of convolutions and dense layers
  size_t size() const;
};

/// What each layer gives, after checking the whole architecture. Throws Error(config) naming the layer and, for an
/// image too small, its size and what the layer needs.
std::vector<Shape> layer_shapes(const Architecture& architecture);

/// All parameters, layer by layer: of a convolution or dense layer weight and bias, of a batch norm weight, bias,
/// running_mean and running_variance.
std::vector<Parameter> parameters(const Architecture& architecture);

/// Multiplications and additions of one record's forward pass, convolutions and dense layers only. A training step
/// costs about three times that, less the first layer's gradient of the images.
double forward_operations(const Architecture& architecture);

/// A named architecture, made to measure for images or rows.
struct ArchitectureRow {
  const char* name;
  const char* summary;
  bool takes_widths;     ///< whether --widths says how wide its hidden layers are
  size_t smallest_side;  ///< of an image; 1 for those that take any record
  void (*build)(Architecture& network, std::span<const size_t> widths);
};
std::span<const ArchitectureRow> architecture_table();

/// Of an mlp's one hidden layer where nothing else is said.
inline constexpr size_t kDefaultWidth = 256;

/// The named network for records of this shape. `widths` only for those that take them (empty: kDefaultWidth). Throws
/// Error(config) for an unknown name (with the nearest one), a record that the network cannot take (with the smallest
/// that it can), fewer than 2 classes.
Architecture make_architecture(const std::string& name, Shape input, size_t classes,
                               std::span<const size_t> widths = {});

}  // namespace miaudit
