#include "miaudit/audit/model_signals.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "miaudit/audit/target_evidence.h"
#include "miaudit/base/parallel.h"
#include "miaudit/data/families.h"
#include "miaudit/data/stored_signals.h"
#include "miaudit/signal/signal.h"

namespace miaudit {
namespace {

std::vector<std::span<const int8_t>> membership_of(const Models& models) {
  std::vector<std::span<const int8_t>> rows;
  for (const AuditedModel& model : models.models) rows.push_back(model.membership);
  return rows;
}

bool signals_come_before(const Models& models, size_t a, size_t b) {
  std::vector<double> own(models.records() * models.stored->queries()), other(own.size());
  for (const std::string& signal : models.stored->names()) {
    models.stored->read(signal, a, {0, models.records()}, own);
    models.stored->read(signal, b, {0, models.records()}, other);
    if (own != other) return own < other;
  }
  return false;
}

bool comes_before(const Models& models, size_t first, size_t second) {
  const AuditedModel& a = models.models[first];
  const AuditedModel& b = models.models[second];
  if (a.membership != b.membership) return a.membership < b.membership;
  if (!models.has_outputs()) return signals_come_before(models, first, second);
  for (size_t p = 0; p < std::min(a.outputs.parts.size(), b.outputs.parts.size()); ++p) {
    const std::span<const std::byte> own = a.outputs.parts[p].values.bytes(), other = b.outputs.parts[p].values.bytes();
    if (!std::ranges::equal(own, other)) return std::ranges::lexicographical_compare(own, other);
  }
  return false;
}

}  // namespace

std::vector<size_t> order_of(const Models& models) {
  std::vector<size_t> order(models.models.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return comes_before(models, a, b); });
  return order;
}

ModelSignals::ModelSignals(const Models& models, const Context& context, const Context& each, uint64_t memory,
                           RecordRange range)
    : models_(models),
      context_{context.threads, {}, context.cancelled},
      each_(each),
      memory_(memory),
      range_{range.begin, std::min(range.end, models.records())},
      width_(records() * queries()),
      counts_(count_sides(membership_of(models), models.records())),
      order_(order_of(models)) {
  if (models.stored)
    for (const std::string& name : models.stored->names()) find_signal(name);  // so that a slip in a name is told
}

bool ModelSignals::holds(std::string_view signal) const {
  const std::scoped_lock lock(mutex_);
  return std::ranges::any_of(signals_, [&](const Signal& held) { return held.name == signal; });
}

void ModelSignals::note_asked(std::string_view signal) {
  const std::scoped_lock lock(mutex_);
  asked_.emplace(signal);
}

std::vector<std::string> ModelSignals::asked() const {
  const std::scoped_lock lock(mutex_);
  return {asked_.begin(), asked_.end()};
}

void ModelSignals::forget_asked() {
  const std::scoped_lock lock(mutex_);
  asked_.clear();
}

void ModelSignals::check_outputs(std::string_view wanted) const {
  if (records() < models_.records()) fail(Category::internal, "{} of some of the records: none are stored", wanted);
  if (models_.has_outputs()) return;
  fail(Category::numeric, "needs {}, and the models bring {} alone; docs/formats.md says how to bring more", wanted,
       fmt::join(models_.stored->names(), ", "));
}

void ModelSignals::check_range(const SignalRow& signal, size_t model, std::span<const double> values) const {
  constexpr double kRounding = 1e-6;  // of whoever made it
  const auto bad = std::ranges::find_if(
      values, [&](double value) { return !(value >= signal.least - kRounding && value <= signal.most + kRounding); });
  if (bad != values.end())
    fail(Category::input, "model {}: the signal '{}' of record {} is {}, and lies from {} to {}: {}",
         models_.models[model].number, signal.name, static_cast<size_t>(bad - values.begin()) / queries(), *bad,
         signal.least, signal.most, signal.summary);
}

void ModelSignals::each_model(const std::function<void(size_t model, const Context& own)>& visit) const {
  const size_t models = models_.models.size(), threads = static_cast<size_t>(std::max(context_.threads, 1));
  size_t bytes = width_ * sizeof(double);
  for (const OutputsPart& part : models_.models.front().outputs.parts) bytes += part.values.bytes().size();
  if (models < threads || bytes * threads > memory_ / 8) {
    for (size_t m = 0; m < models; ++m) visit(m, context_);
    return;
  }
  Context one_thread;
  one_thread.cancelled = context_.cancelled;
  parallel_blocks(models, 1, context_, [&](size_t m, size_t) { visit(m, one_thread); });
}

ModelSignals::Signal& ModelSignals::of(std::string_view signal) {
  const auto found = std::ranges::find_if(signals_, [&](const Signal& held) { return held.name == signal; });
  if (found != signals_.end()) {
    signals_.splice(signals_.end(), signals_, found);
    return signals_.back();
  }
  const SignalRow& row = find_signal(signal);
  if (row.needs_labels && models_.labels.empty())
    fail(Category::input, "the signal '{}' needs labels, and none were given; add --labels", signal);
  const bool is_stored = models_.stored && models_.stored->holds(signal);
  if (!is_stored) check_outputs(signal);
  const size_t count = models_.models.size() * width_;
  Signal made{std::string(signal), Scratch(count, count * sizeof(double) > memory_ / 8)};
  each_model([&](size_t m, const Context& own) {
    const std::span<double> values = made.values.values().subspan(m * width_, width_);
    if (is_stored) {
      models_.stored->read(signal, m, range_, values);
      if (!models_.has_outputs()) check_range(row, m, values);
    } else {
      const Outputs& outputs = models_.models[m].outputs;
      compute_signal(row, outputs, models_.labels, values, own);
      for (const OutputsPart& part : outputs.parts) release_pages(part.values);
    }
    made.values.release();
  });
  signals_.push_back(std::move(made));
  return signals_.back();
}

std::span<const double> ModelSignals::values(std::string_view signal, size_t model) {
  const std::scoped_lock lock(mutex_);
  return of(signal).values.values().subspan(model * width_, width_);
}

void ModelSignals::probabilities(size_t model, std::span<const uint32_t> records, MatrixView<float> out) const {
  check_outputs("outputs");
  const Outputs& outputs = models_.models[model].outputs;
  compute_probabilities(outputs, records, out, each_);
  size_t bytes = 0;
  for (const OutputsPart& part : outputs.parts) bytes += part.values.bytes().size();
  if (bytes * models_.models.size() < memory_ / 4) return;
  for (const OutputsPart& part : outputs.parts) release_pages(part.values);
}

std::shared_ptr<const Moments> ModelSignals::known_moments(std::string_view signal, const std::vector<size_t>& key,
                                                           bool with_variances) const {
  const std::scoped_lock lock(mutex_);
  const auto found = std::ranges::find_if(moments_, [&](const KnownMoments& known) {
    return known.signal == signal && known.key == key && (known.moments->has_variances() || !with_variances);
  });
  return found == moments_.end() ? nullptr : found->moments;
}

size_t ModelSignals::most_moments() const {
  return std::max<size_t>(1, memory_ / 8 / (4 * width_ * sizeof(double)));
}

size_t ModelSignals::expect(std::span<const size_t> targets, uint64_t seed) {
  expected_seed_ = seed;
  for (const size_t t : targets)
    if (expected_.empty() || models_.families[expected_.back()] != models_.families[t]) expected_.push_back(t);
  constexpr size_t kMost = 8;
  const size_t threads = static_cast<size_t>(std::max(context_.threads, 1));
  const size_t sides = memory_ / 8 / (models_.models.size() * records());
  // Enough blocks of families that no thread waits for long, and moments that are still known when they are asked for.
  together_ = std::clamp<size_t>(
      std::min({expected_.size() / (4 * threads), most_moments() / (2 * threads), sides / threads}), 1, kMost);
  const size_t of_a_family = (targets.size() + expected_.size() - 1) / expected_.size();
  return std::min(together_ * of_a_family, std::max<size_t>(targets.size() / threads, 1));
}

std::vector<size_t> ModelSignals::companions(const std::vector<size_t>& key) const {
  if (together_ == 1) return {};
  const auto own =
      std::ranges::find_if(expected_, [&](size_t target) { return barred_families(models_, target) == key; });
  if (own == expected_.end()) return {};
  const size_t place = static_cast<size_t>(own - expected_.begin()), first = place / together_ * together_;
  std::vector<size_t> others;
  for (size_t k = first; k < std::min(first + together_, expected_.size()); ++k)
    if (k != place) others.push_back(expected_[k]);
  return others;
}

std::shared_ptr<const Moments> ModelSignals::moments(std::string_view signal, const std::vector<size_t>& key,
                                                     bool with_variances, const std::function<SidedValues()>& values) {
  if (auto known = known_moments(signal, key, with_variances)) return known;
  struct Asked {
    std::vector<size_t> key;
    SidedValues from;
    std::shared_ptr<Moments> moments = std::make_shared<Moments>();
  };
  std::vector<Asked> asked;
  std::vector<std::unique_ptr<TargetEvidence>> companies;
  for (const size_t target : companions(key)) {
    std::vector<size_t> own = barred_families(models_, target);
    if (known_moments(signal, own, with_variances)) continue;
    companies.push_back(std::make_unique<TargetEvidence>(*this, target, expected_seed_));
    if (ReferenceSource* references = companies.back()->evidence().references)
      asked.push_back({std::move(own), references->values(signal)});
  }
  asked.push_back({key, values()});
  size_t bytes = 0;
  for (const Asked& one : asked) {
    one.moments->reshape(width_, with_variances);
    bytes = std::max(bytes, one.from.values.size() * one.from.queries * sizeof(double));
  }
  // As many records at a time as an eighth of the memory holds the values of; of these, as many as the second cache
  // does.
  constexpr size_t kMostInBlock = 1 << 11, kCached = 1 << 8;
  const size_t most = std::max<size_t>(1, memory_ / 8 / bytes), block = std::min(most, kMostInBlock);
  const size_t chunk = most / block * block;
  for (size_t first = 0; first < records(); first += chunk) {
    parallel_blocks(std::min(chunk, records() - first), block, each_, [&](size_t begin, size_t end) {
      for (size_t from = begin; from < end; from += kCached)
        for (const Asked& one : asked) {
          Moments& to = *one.moments;
          sided_moments(one.from, first + from, first + std::min(end, from + kCached),
                        {to.in.mean, to.in.variance, to.out.mean, to.out.variance});
        }
    });
    release();
  }
  const std::scoped_lock lock(mutex_);
  for (const Asked& one : asked) moments_.push_back({std::string(signal), one.key, one.moments});
  while (moments_.size() > most_moments()) moments_.pop_front();
  return asked.back().moments;
}

void ModelSignals::settle() {
  const std::scoped_lock lock(mutex_);
  size_t bytes = 0;
  for (auto held = signals_.rbegin(); held != signals_.rend();) {
    if (!held->values.is_on_disk()) bytes += held->values.values().size_bytes();
    if (bytes > memory_ / 4 && !held->values.is_on_disk()) {
      held = std::make_reverse_iterator(signals_.erase(std::next(held).base()));
    } else {
      ++held;
    }
  }
}

void ModelSignals::release() const {
  const std::scoped_lock lock(mutex_);
  for (const Signal& held : signals_) held.values.release();
}

void ModelSignals::forget_moments() {
  const std::scoped_lock lock(mutex_);
  moments_.clear();
}

}  // namespace miaudit
