#pragma once

#include <cstddef>

namespace miaudit {

/// A convolution of images of one channel, stride 1, no padding: output is height − kernel + 1 by width − kernel + 1.
struct FirstLayerShape {
  size_t batch = 0;
  size_t height = 0;
  size_t width = 0;
  size_t kernel = 0;  ///< 3 or 5
  size_t blocks = 0;  ///< of 8 output channels
};

/// Gradients of its weights and bias: `images` [batch][height][width], `gradient` of what it gives
/// [batch][blocks][out height][out width][8], `weights` [blocks][kernel][kernel][8], `bias` [blocks][8]. Each image is
/// summed apart, then the images in order. One thread, by vectors of 8 floats at most; multiply-add is fused where the
/// machine can. For CPUs where oneDNN has only a slow way (AVX2).
void first_layer_gradient(const FirstLayerShape& shape, const float* images, const float* gradient, float* weights,
                          float* bias);

}  // namespace miaudit
