#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace miaudit {

/// out[i] = (values[i] − mean[i])·scale[i], each operation rounded, so that every machine gives the same floats. All
/// spans of one length. One pass, one thread, by the widest vectors of this machine.
void standardise(std::span<const uint8_t> values, std::span<const float> mean, std::span<const float> scale,
                 std::span<float> out);
void standardise(std::span<const float> values, std::span<const float> mean, std::span<const float> scale,
                 std::span<float> out);

}  // namespace miaudit
