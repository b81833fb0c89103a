#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>

namespace miaudit {

/// Philox4x32-10 (Salmon et al. 2011, doi:10.1145/2063384.2063405): 128 random bits as a pure function of a 64-bit key
/// and a 128-bit counter.
std::array<uint32_t, 4> philox(uint64_t key, std::array<uint32_t, 4> counter);

/// A counter-based stream: the same (seed, stream) gives the same numbers on every machine, thread and attempt. Two
/// streams of one seed never overlap. Satisfies UniformRandomBitGenerator.
class Rng {
 public:
  using result_type = uint64_t;
  explicit Rng(uint64_t seed, uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return ~uint64_t{0}; }
  uint64_t operator()();

  /// Uniform in [0, 1), a multiple of 2^-53.
  double uniform();
  /// Uniform in 0 … bound−1, without bias (Lemire 2019, arXiv:1805.10941); bound >= 1.
  uint64_t below(uint64_t bound);
  /// Standard normal (Box–Muller).
  double normal();

  /// A uniformly random order of `items` (Fisher–Yates).
  template <class T>
  void shuffle(std::span<T> items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  uint64_t seed_;
  uint64_t stream_;
  uint64_t block_ = 0;
  std::array<uint32_t, 4> bits_{};
  int used_ = 4;
};

}  // namespace miaudit
