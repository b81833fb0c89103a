#pragma once

#include <cstdint>

#include "miaudit/base/rng.h"

namespace miaudit {

/// What a draw is for. Numbers are part of what a seed means.
enum class Draw : uint64_t { split = 1, weights = 2, order = 3, view = 4, trees = 5, command = 6 };

/// The stream of the counter-based generator for one purpose of one model, and one epoch or tensor of it: never of
/// rank, host, time, threads or attempt. model < 2^24, part < 2^32.
inline uint64_t stream_of(uint64_t model, Draw draw, uint64_t part = 0) {
  return model << 40 | static_cast<uint64_t>(draw) << 32 | part;
}
inline Rng draws_of(uint64_t seed, uint64_t model, Draw draw, uint64_t part = 0) {
  return Rng(seed, stream_of(model, draw, part));
}

}  // namespace miaudit
