#include "miaudit/audit/model_signals.h"

#include <algorithm>

#include "miaudit/base/parallel.h"
#include "miaudit/signal/signal.h"

namespace miaudit {

bool ModelSignals::holds(std::string_view signal) const {
  const std::lock_guard lock(mutex_);
  return matrices_.contains(signal);
}

std::span<const double> ModelSignals::values(std::string_view signal, size_t model) {
  const std::lock_guard lock(mutex_);
  const size_t width = models_.records() * queries();
  auto found = matrices_.find(signal);
  if (found == matrices_.end()) {
    const SignalRow& row = find_signal(signal);
    if (row.needs_labels && models_.labels.empty())
      fail(Category::input, "the signal '{}' needs labels, and none were given; add --labels", signal);
    found = matrices_.emplace(signal, std::vector<double>(models_.models.size() * width)).first;
    for (size_t m = 0; m < models_.models.size(); ++m) {
      compute_signal(row, models_.models[m].outputs, models_.labels, std::span(found->second).subspan(m * width, width),
                     context_);
    }
  }
  return std::span(found->second).subspan(model * width, width);
}

void ModelSignals::probabilities(size_t model, std::span<const uint32_t> records, MatrixView<float> out) const {
  compute_probabilities(models_.models[model].outputs, records, out, each_);
}

TargetEvidence::TargetEvidence(ModelSignals& signals, size_t target, uint64_t seed, std::vector<size_t> barred)
    : signals_(signals), target_(target), seed_(seed), barred_(std::move(barred)) {
  const Models& models = signals.models();
  barred_.push_back(target);
  if (models.partners[target] != Models::kNone) barred_.push_back(models.partners[target]);
  std::vector<std::span<const int8_t>> membership;
  for (size_t m = 0; m < models.models.size(); ++m) {
    if (std::ranges::find(barred_, m) != barred_.end()) continue;
    references_.push_back(m);
    membership.push_back(models.models[m].membership);
  }
  sides_ = balance(membership, models.audited, seed, models.models[target].number);
  membership_ = models.models[target].membership;
  for (size_t i = 0; i < membership_.size(); ++i)
    if (!models.audited[i]) membership_[i] = -1;
  evidence_.emplace(
      Evidence{*this,
               models.records(),
               models.models[target].outputs.classes,
               models.labels,
               references_.empty() ? nullptr : this,
               models.population,
               {models.features.data(), models.features.empty() ? 0 : models.records(), models.feature_columns},
               models.audited});
}

const SignalMatrix& TargetEvidence::signal(std::string_view name) {
  if (name == signal_name_) return signal_;
  const Models& models = signals_.models();
  signal_name_.clear();
  signal_.samples = models.records();
  signal_.queries = signals_.queries();
  if (signals_.holds(name)) {
    const std::span<const double> values = signals_.values(name, target_);
    signal_.values.assign(values.begin(), values.end());
  } else {
    const SignalRow& row = find_signal(name);
    if (row.needs_labels && models.labels.empty())
      fail(Category::input, "the signal '{}' needs labels, and none were given; add --labels", name);
    signal_.values.resize(signal_.samples * signal_.queries);
    compute_signal(row, models.models[target_].outputs, models.labels, signal_.values, signals_.context());
  }
  signal_name_ = name;
  return signal_;
}

void TargetEvidence::probabilities(std::span<const uint32_t> records, MatrixView<float> out) {
  signals_.probabilities(target_, records, out);
}

SidedValues TargetEvidence::values(std::string_view signal) {
  auto found = rows_.find(signal);
  if (found == rows_.end()) {
    found = rows_.emplace(signal, std::vector<const double*>()).first;
    for (const size_t m : references_) found->second.push_back(signals_.values(signal, m).data());
  }
  return {found->second,      sides_.rows,      signals_.models().records(),
          signals_.queries(), sides_.in_counts, sides_.out_counts};
}

const Moments& TargetEvidence::moments(std::string_view signal) {
  if (signal == moments_name_) return moments_;
  const SidedValues from = values(signal);
  const size_t size = from.samples * from.queries;
  moments_name_.clear();
  for (SideMoments* side : {&moments_.in, &moments_.out}) {
    side->mean.resize(size);
    side->variance.resize(size);
  }
  const SidedMoments to{moments_.in.mean, moments_.in.variance, moments_.out.mean, moments_.out.variance};
  parallel_blocks(from.samples, 1 << 11, signals_.context(),
                  [&](size_t begin, size_t end) { sided_moments(from, begin, end, to); });
  moments_name_ = signal;
  return moments_;
}

void TargetEvidence::probabilities(size_t reference, std::span<const uint32_t> records, MatrixView<float> out) {
  signals_.probabilities(references_[reference], records, out);
}

std::unique_ptr<PseudoTarget> TargetEvidence::as_target(size_t reference) {
  return std::make_unique<TargetEvidence>(signals_, references_[reference], seed_, barred_);
}

}  // namespace miaudit
