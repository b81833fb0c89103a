#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string_view>

#include "miaudit/base/error.h"

namespace miaudit {

/// How far a stage of work has come. `total` is 0 while it is unknown.
struct Progress {
  std::string_view stage;
  uint64_t done = 0;
  uint64_t total = 0;
  std::string_view detail = {};  ///< What else there is to say: "epoch 3 of 20, loss 0.41".
};

/// What the library may use of the outside world: nothing that it is not handed here.
struct Context {
  /// Threads to work with, >= 1. No result depends on it.
  int threads = 1;
  /// Called now and then, from the calling thread only; empty for silence.
  std::function<void(const Progress&)> progress{};
  /// Set by the caller (say, from a signal handler) to stop: work ends with Error(Category::interrupted).
  const std::atomic<bool>* cancelled = nullptr;
  /// Seconds since any fixed moment, for what is asked to be timed; empty: times are 0. No other result depends on it.
  std::function<double()> clock{};

  void report(std::string_view stage, uint64_t done, uint64_t total, std::string_view detail = {}) const {
    check();
    if (progress) progress({stage, done, total, detail});
  }
  double seconds() const { return clock ? clock() : 0; }
  void check() const {
    if (cancelled && cancelled->load(std::memory_order_relaxed)) fail(Category::interrupted, "stopped on request");
  }
};

}  // namespace miaudit
