#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "miaudit/engine/architecture.h"

namespace miaudit::testing {

/// A network's logits in double precision by plain loops, batch norms with the batch's own statistics: what the engine
/// is held against.
class Twin {
 public:
  using Values = std::vector<double>;

  Twin(const Architecture& architecture, size_t batch) : network_(architecture), batch_(batch) {}

  /// Mean softmax cross-entropy. `weights` in the order and layout of parameters().
  double loss(const Values& records, const std::vector<Values>& weights, std::span<const int32_t> labels) {
    const Values z = logits(records, weights);
    double sum = 0;
    for (size_t r = 0; r < batch_; ++r) {
      const auto row = std::span(z).subspan(r * network_.classes, network_.classes);
      double total = 0;
      for (const double value : row) total += std::exp(value - row[static_cast<size_t>(labels[r])]);
      sum += std::log(total);
    }
    return sum / static_cast<double>(batch_);
  }

  Values logits(const Values& records, const std::vector<Values>& weights) {
    const std::vector<Shape> shapes = layer_shapes(network_);
    std::vector<Values> values = {records};
    size_t next = 0;
    for (size_t i = 0; i < network_.layers.size(); ++i) {
      const Layer& layer = network_.layers[i];
      const Shape in = layer.input == 0 ? network_.input : shapes[layer.input - 1], out = shapes[i];
      const Values& x = values[layer.input];
      Values y(batch_ * out.size());
      switch (layer.kind) {
        case LayerKind::convolution:
        case LayerKind::dense: {
          const Values& w = weights[next++];
          const Values bias = layer.has_bias ? weights[next++] : Values(layer.units);
          if (layer.kind == LayerKind::dense)
            dense(x, w, bias, in.size(), y);
          else
            convolve(layer, x, w, bias, in, out, y);
          break;
        }
        case LayerKind::relu:
          for (size_t k = 0; k < x.size(); ++k) y[k] = std::max(x[k], 0.0);
          break;
        case LayerKind::max_pool:
        case LayerKind::average_pool:
          pool(layer, x, in, out, y);
          break;
        case LayerKind::batch_norm:
          normalise(x, weights[next], weights[next + 1], in, y);
          next += 4;
          break;
        case LayerKind::add:
          for (size_t k = 0; k < x.size(); ++k) y[k] = x[k] + values[layer.other][k];
          break;
      }
      values.push_back(std::move(y));
    }
    return values.back();
  }

 private:
  void dense(const Values& x, const Values& w, const Values& bias, size_t features, Values& y) const {
    for (size_t r = 0; r < batch_; ++r) {
      for (size_t u = 0; u < bias.size(); ++u) {
        double sum = bias[u];
        for (size_t k = 0; k < features; ++k) sum += w[u * features + k] * x[r * features + k];
        y[r * bias.size() + u] = sum;
      }
    }
  }

  /// body(place in x) for the places of a window that lie within the image.
  template <class Body>
  static void window(const Layer& layer, size_t kernel, Shape in, size_t oy, size_t ox, const Body& body) {
    for (size_t ky = 0; ky < kernel; ++ky) {
      for (size_t kx = 0; kx < kernel; ++kx) {
        const size_t y = oy * layer.stride + ky - layer.padding, x = ox * layer.stride + kx - layer.padding;
        if (y < in.height && x < in.width) body(y * in.width + x, ky * kernel + kx);
      }
    }
  }

  void convolve(const Layer& layer, const Values& x, const Values& w, const Values& bias, Shape in, Shape out,
                Values& y) const {
    const size_t area = in.height * in.width, taps = layer.kernel * layer.kernel;
    for (size_t k = 0; k < y.size(); ++k) {
      const size_t ox = k % out.width, oy = k / out.width % out.height;
      const size_t u = k / (out.width * out.height) % out.channels, r = k / out.size();
      double sum = bias[u];
      for (size_t c = 0; c < in.channels; ++c) {
        window(layer, layer.kernel, in, oy, ox, [&](size_t place, size_t tap) {
          sum += x[(r * in.channels + c) * area + place] * w[(u * in.channels + c) * taps + tap];
        });
      }
      y[k] = sum;
    }
  }

  void pool(const Layer& layer, const Values& x, Shape in, Shape out, Values& y) const {
    const size_t area = in.height * in.width, kernel = layer.kernel == 0 ? in.height : layer.kernel;
    for (size_t k = 0; k < y.size(); ++k) {
      const size_t ox = k % out.width, oy = k / out.width % out.height, plane = k / (out.width * out.height);
      double best = -1e300, sum = 0, count = 0;
      window(layer, kernel, in, oy, ox, [&](size_t place, size_t) {
        best = std::max(best, x[plane * area + place]);
        sum += x[plane * area + place];
        ++count;
      });
      y[k] = layer.kind == LayerKind::max_pool ? best : sum / count;
    }
  }

  void normalise(const Values& x, const Values& scale, const Values& shift, Shape in, Values& y) const {
    const size_t area = in.height * in.width;
    const auto channel = [&](size_t c, const auto& body) {
      for (size_t r = 0; r < batch_; ++r) {
        for (size_t k = 0; k < area; ++k) body((r * in.channels + c) * area + k);
      }
    };
    const double count = static_cast<double>(batch_ * area);
    for (size_t c = 0; c < in.channels; ++c) {
      double mean = 0, variance = 0;
      channel(c, [&](size_t k) { mean += x[k] / count; });
      channel(c, [&](size_t k) { variance += (x[k] - mean) * (x[k] - mean) / count; });
      channel(c, [&](size_t k) { y[k] = (x[k] - mean) / std::sqrt(variance + 1e-5) * scale[c] + shift[c]; });
    }
  }

  const Architecture& network_;
  size_t batch_;
};

}  // namespace miaudit::testing
