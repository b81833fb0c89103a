#include "miaudit/audit/target_evidence.h"

#include <algorithm>

#include "miaudit/data/families.h"
#include "miaudit/data/stored_signals.h"
#include "miaudit/signal/signal.h"

namespace miaudit {

std::vector<int8_t> audited_membership(const Models& models, size_t model) {
  std::vector<int8_t> membership = models.models[model].membership;
  for (size_t i = 0; i < membership.size(); ++i)
    if (!models.audited[i]) membership[i] = -1;
  return membership;
}

TargetEvidence::TargetEvidence(ModelSignals& signals, size_t target, uint64_t seed, std::vector<size_t> barred)
    : signals_(signals), target_(target), seed_(seed), barred_(std::move(barred)) {
  const Models& models = signals.models();
  const std::vector<size_t> of_target = barred_families(models, target);
  barred_.insert(barred_.end(), of_target.begin(), of_target.end());
  std::ranges::sort(barred_);
  barred_.erase(std::ranges::unique(barred_).begin(), barred_.end());
  SideCounts counts = signals.counts();
  std::vector<std::span<const int8_t>> membership;
  for (const size_t m : signals.order()) {
    const std::vector<int8_t>& own = models.models[m].membership;
    if (!std::ranges::binary_search(barred_, models.families[m])) {
      references_.push_back(m);
      if (std::ranges::find(families_, models.families[m]) == families_.end()) families_.push_back(models.families[m]);
      membership.push_back(own);
      continue;
    }
    for (size_t i = 0; i < models.records(); ++i) {
      counts.in[i] -= own[i] == 1;
      counts.out[i] -= own[i] == 0;
    }
  }
  const auto [first, end] = signals.range();
  sides_ = balance(membership, counts, models.audited, seed, first, end);
  const auto own = [&]<class T>(const std::vector<T>& of_all, size_t width = 1) {
    return of_all.empty() ? std::span<const T>() : std::span(of_all).subspan(first * width, (end - first) * width);
  };
  membership_ = audited_membership(models, target);
  membership_ = {membership_.begin() + static_cast<ptrdiff_t>(first),
                 membership_.begin() + static_cast<ptrdiff_t>(end)};
  for (const uint32_t record : models.population)
    if (record >= first && record < end) population_.push_back(record - static_cast<uint32_t>(first));
  const std::span<const float> features = own(models.features, models.feature_columns);
  evidence_.emplace(Evidence{*this,
                             end - first,
                             models.models[target].outputs.classes,
                             own(models.labels),
                             references_.empty() ? nullptr : this,
                             population_,
                             {features.data(), features.empty() ? 0 : end - first, models.feature_columns},
                             own(models.audited),
                             first});
}

const SignalMatrix& TargetEvidence::signal(std::string_view name) {
  if (name == signal_name_) return signal_;
  const Models& models = signals_.models();
  signal_name_.clear();
  signal_.samples = signals_.records();
  signal_.queries = signals_.queries();
  const bool is_part = signals_.records() < models.records();
  if (signals_.holds(name) || signals_.expects_several() || is_part || !models.has_outputs()) {
    const std::span<const double> values = signals_.values(name, target_);
    signal_.values.assign(values.begin(), values.end());
  } else {
    const SignalRow& row = find_signal(name);
    if (row.needs_labels && models.labels.empty())
      fail(Category::input, "the signal '{}' needs labels, and none were given; add --labels", name);
    signal_.values.resize(signal_.samples * signal_.queries);
    if (models.stored && models.stored->holds(name)) {
      models.stored->read(name, target_, signals_.range(), signal_.values);
    } else {
      const Outputs& outputs = models.models[target_].outputs;
      compute_signal(row, outputs, models.labels, signal_.values, signals_.context());
      for (const OutputsPart& part : outputs.parts) release_pages(part.values);
    }
  }
  signal_name_ = name;
  return signal_;
}

void TargetEvidence::probabilities(std::span<const uint32_t> records, MatrixView<float> out) {
  signals_.probabilities(target_, records, out);
}

SidedValues TargetEvidence::values(std::string_view signal) {
  signals_.note_asked(signal);
  auto found = rows_.find(signal);
  if (found == rows_.end()) {
    found = rows_.emplace(signal, std::vector<const double*>()).first;
    for (const size_t m : references_) found->second.push_back(signals_.values(signal, m).data());
  }
  return {found->second, sides_.rows, signals_.records(), signals_.queries(), sides_.in_counts, sides_.out_counts};
}

const Moments& TargetEvidence::moments(std::string_view signal, bool with_variances) {
  signals_.note_asked(signal);
  if (signal == moments_name_ && (moments_->has_variances() || !with_variances)) return *moments_;
  moments_name_.clear();
  // A family has the same references, on the same sides.
  moments_ = signals_.moments(signal, barred_, with_variances, [&] { return values(signal); });
  moments_name_ = signal;
  return *moments_;
}

void TargetEvidence::probabilities(size_t reference, std::span<const uint32_t> records, MatrixView<float> out) {
  signals_.probabilities(references_[reference], records, out);
}

std::unique_ptr<HeldEvidence> TargetEvidence::without(std::span<const size_t> families) {
  std::vector<size_t> barred = barred_;
  for (const size_t place : families) barred.push_back(families_[place]);
  return std::make_unique<TargetEvidence>(signals_, target_, seed_, std::move(barred));
}

std::unique_ptr<PseudoTarget> TargetEvidence::as_target(size_t reference) {
  return std::make_unique<TargetEvidence>(signals_, references_[reference], seed_, barred_);
}

ReferenceTeachers::ReferenceTeachers(ModelSignals& signals, std::vector<size_t> barred, std::vector<uint8_t> fold_of,
                                     int folds, uint64_t seed)
    : signals_(signals), barred_(std::move(barred)), fold_of_(std::move(fold_of)), folds_(folds), seed_(seed) {
  for (const size_t m : signals.order())
    if (std::ranges::find(barred_, signals.models().families[m]) == barred_.end()) models_.push_back(m);
}

}  // namespace miaudit
