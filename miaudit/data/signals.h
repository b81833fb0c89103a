#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "miaudit/base/matrix.h"

namespace miaudit {

/// One signal's values, [models][samples][queries] in row-major order.
struct SignalMatrix {
  size_t models = 1;
  size_t samples = 0;
  size_t queries = 1;
  std::vector<double> values;
};

/// Where an attack gets signals from, by name; it never sees the outputs' files or the truth.
class SignalSource {
 public:
  virtual ~SignalSource() = default;
  /// The target's signal for every record, in the signal's own sign. Valid until the next call. Throws Error(config)
  /// for an unknown name, Error(input) where the signal needs labels and there are none.
  virtual const SignalMatrix& signal(std::string_view name) = 0;
  /// The target's class probabilities for these records, averaged over queries: out is [records][classes].
  virtual void probabilities(std::span<const uint32_t> records, MatrixView<float> out) = 0;
};

}  // namespace miaudit
