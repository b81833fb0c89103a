#include "miaudit/audit/outputs_signals.h"

#include "miaudit/signal/signal.h"

namespace miaudit {

const SignalMatrix& OutputsSignals::signal(std::string_view name) {
  if (name == name_) return last_;
  const SignalRow& row = find_signal(name);
  if (row.needs_labels && labels_.empty())
    fail(Category::input, "the signal '{}' needs labels, and none were given; add --labels", name);
  name_.clear();
  last_.samples = outputs_.samples;
  last_.queries = outputs_.queries;
  last_.values.resize(outputs_.samples * outputs_.queries);
  compute_signal(row, outputs_, labels_, last_.values, context_);
  name_ = name;
  return last_;
}

void OutputsSignals::probabilities(std::span<const uint32_t> records, MatrixView<float> out) {
  compute_probabilities(outputs_, records, out, context_);
}

void OutputsSignals::forget() {
  name_.clear();
  last_ = {};
}

}  // namespace miaudit
