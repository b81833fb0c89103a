#pragma once

#include <string>

#include "miaudit/base/context.h"
#include "miaudit/data/outputs.h"
#include "miaudit/data/signals.h"

namespace miaudit {

/// Signals computed from outputs when asked for. Keeps the last one only: at ten million records each takes 80 MB.
class OutputsSignals : public SignalSource {
 public:
  /// Both must outlive this object.
  OutputsSignals(const Outputs& outputs, std::span<const int32_t> labels, const Context& context)
      : outputs_(outputs), labels_(labels), context_(context) {}

  const SignalMatrix& signal(std::string_view name) override;
  void probabilities(std::span<const uint32_t> records, MatrixView<float> out) override;
  /// Gives the last signal's memory back.
  void forget();

 private:
  const Outputs& outputs_;
  std::span<const int32_t> labels_;
  const Context& context_;
  std::string name_;
  SignalMatrix last_;
};

}  // namespace miaudit
