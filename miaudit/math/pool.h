#pragma once

#include <cstddef>
#include <cstdint>

namespace miaudit {

/// Images in planes [planes][height][width][lanes]: `lanes` channels of one pixel lie together.
struct PoolShape {
  size_t planes = 0;
  size_t height = 0;
  size_t width = 0;
  size_t lanes = 0;
  size_t window = 2;  ///< side of the windows, which lie side by side from the first pixel on; 2 to 15
  size_t out_height() const { return height / window; }
  size_t out_width() const { return width / window; }
};

/// Max-pool and ReLU in one pass: the largest value of each window, or 0 where none is above. `choice` takes the place
/// in its window of the first largest value, window² where that is 0; null where nobody will ask. Values are float32,
/// or bfloat16 as their bits: of numbers above 0 the bits have the numbers' order, so both are compared as integers.
/// One thread, by the widest vectors of this machine; exact.
void max_pool_relu(const PoolShape& shape, const float* in, float* out, uint8_t* choice);
void max_pool_relu(const PoolShape& shape, const uint16_t* in, uint16_t* out, uint8_t* choice);

/// The way back: the gradient of each output goes to the value that was chosen, 0 to all others.
void max_pool_relu_gradient(const PoolShape& shape, const float* gradient, const uint8_t* choice, float* in_gradient);
void max_pool_relu_gradient(const PoolShape& shape, const uint16_t* gradient, const uint8_t* choice,
                            uint16_t* in_gradient);

}  // namespace miaudit
