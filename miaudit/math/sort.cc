#include "miaudit/math/sort.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "miaudit/base/parallel.h"
#include "miaudit/base/zeros.h"

namespace miaudit {
namespace {

constexpr int kDigitBits = 11;
constexpr size_t kBuckets = size_t{1} << kDigitBits;
constexpr int kMostDigits = 3;
/// Of this many values two digits tell almost all apart; of more, three.
constexpr size_t kTwoDigits = size_t{1} << 16;
/// Shorter than this, filling the tables of counts costs more than comparing.
constexpr size_t kComparisonLimit = 1024;

struct Extent {
  double low, high;
};

Extent extent_of(std::span<const double> values) {
  std::array<double, 8> low, high;  // several at once, so that they do not wait for each other
  low.fill(values[0]);
  high.fill(values[0]);
  const auto take = [&](size_t lane, double value) {
    low[lane] = value < low[lane] ? value : low[lane];
    high[lane] = value > high[lane] ? value : high[lane];
  };
  size_t i = 0;
  for (; i + low.size() <= values.size(); i += low.size())
    for (size_t lane = 0; lane < low.size(); ++lane) take(lane, values[i + lane]);
  for (; i < values.size(); ++i) take(0, values[i]);
  return {*std::ranges::min_element(low), *std::ranges::max_element(high)};
}

/// A value's place in equal steps from the least to the greatest. Subtraction and product are rounded, but in order.
struct EvenSteps {
  double low, scale;
  uint64_t operator()(double value) const { return static_cast<uint64_t>((value - low) * scale); }
};

/// The bits from `shift` up of a number that has the values' order (finite, no −0).
struct Bits {
  int shift;
  static uint64_t all(double value) {
    const uint64_t bits = std::bit_cast<uint64_t>(value);
    const uint64_t if_negative = static_cast<uint64_t>(static_cast<int64_t>(bits) >> 63);
    return bits ^ (if_negative | uint64_t{1} << 63);
  }
  uint64_t operator()(double value) const { return all(value) >> shift; }
};

size_t digit(uint64_t key, int d) {
  return (key >> (d * kDigitBits)) & (kBuckets - 1);
}

/// Sorts by `digits` digits of the keys: least significant first, digits that are all equal left out.
template <class Count, class Key>
void sort_by_digits(std::span<double> values, std::span<double> scratch, int digits, const Key& key) {
  const auto counts = std::make_unique<std::array<std::array<Count, kBuckets>, kMostDigits>>();
  for (const double value : values) {
    const uint64_t own = key(value);
    for (int d = 0; d < digits; ++d) ++(*counts)[d][digit(own, d)];
  }
  double* from = values.data();
  double* to = scratch.data();
  for (int d = 0; d < digits; ++d) {
    std::array<Count, kBuckets>& places = (*counts)[d];
    if (places[digit(key(from[0]), d)] == values.size()) continue;
    Count place = 0;
    for (Count& entry : places) place += std::exchange(entry, place);
    for (size_t i = 0; i < values.size(); ++i) to[places[digit(key(from[i]), d)]++] = from[i];
    std::swap(from, to);
  }
  if (from != values.data()) std::copy_n(from, values.size(), values.data());
}

/// Sorts by keys that have the values' order, and then, wherever two neighbours are still out of order, the run of
/// values with equal keys by sort_run(run): mostly a few, or many where values crowd together.
template <class Key, class SortRun>
void sort_by_keys(std::span<double> values, std::span<double> scratch, int digits, const Key& key,
                  const SortRun& sort_run) {
  if (values.size() <= std::numeric_limits<uint32_t>::max())
    sort_by_digits<uint32_t>(values, scratch, digits, key);
  else
    sort_by_digits<uint64_t>(values, scratch, digits, key);
  for (size_t i = 1; i < values.size(); ++i) {
    if (values[i - 1] <= values[i]) continue;
    size_t begin = i - 1;
    while (begin > 0 && key(values[begin - 1]) == key(values[i])) --begin;
    while (i < values.size() && key(values[i]) == key(values[begin])) ++i;
    const std::span run = values.subspan(begin, i - begin);
    if (run.size() <= kComparisonLimit)
      std::sort(run.begin(), run.end());
    else
      sort_run(run);
  }
}

/// By the topmost bits that differ, and again by those below.
void sort_by_bits(std::span<double> values, std::span<double> scratch) {
  const Extent extent = extent_of(values);
  const int differing = static_cast<int>(std::bit_width(Bits::all(extent.low) ^ Bits::all(extent.high)));
  const Bits key{std::max(0, differing - kMostDigits * kDigitBits)};
  sort_by_keys(values, scratch, kMostDigits, key, [&](std::span<double> run) { sort_by_bits(run, scratch); });
}

/// values: more than kComparisonLimit, finite, no −0. scratch: as many.
void sort_values(std::span<double> values, std::span<double> scratch) {
  const Extent extent = extent_of(values);
  if (extent.low == extent.high) return;
  const int digits = values.size() <= kTwoDigits ? 2 : kMostDigits;
  const double last_step = static_cast<double>((uint64_t{1} << digits * kDigitBits) - 1);
  const EvenSteps key{extent.low, last_step / (extent.high - extent.low)};
  if (!(extent.high - extent.low < std::numeric_limits<double>::infinity()) || !std::isfinite(key.scale))
    return sort_by_bits(values, scratch);
  // Steps mean nothing to values that crowd together far from others; bits tell any apart in a few rounds.
  sort_by_keys(values, scratch, digits, key, [&](std::span<double> run) { sort_by_bits(run, scratch); });
}

/// Values that part the runs into ranges of about this many; a range holds what is at least its lower bound. Small
/// enough that a range is sorted in the second cache.
constexpr size_t kRange = size_t{1} << 14;
constexpr size_t kSamplesOfARange = 16;

std::vector<double> range_bounds(std::span<const std::span<const double>> runs) {
  std::vector<double> samples;
  for (const std::span<const double> run : runs)
    for (size_t i = kRange / kSamplesOfARange - 1; i < run.size(); i += kRange / kSamplesOfARange)
      samples.push_back(run[i]);
  radix_sort(samples);
  std::vector<double> bounds;
  for (size_t k = kSamplesOfARange; k < samples.size(); k += kSamplesOfARange)
    if (bounds.empty() || samples[k] != bounds.back()) bounds.push_back(samples[k]);
  return bounds;
}

}  // namespace

void radix_sort(std::span<double> values) {
  for (double& value : values) value += 0.0;  // −0 becomes +0
  if (values.size() <= kComparisonLimit) {
    std::sort(values.begin(), values.end());
    return;
  }
  const auto scratch = std::make_unique_for_overwrite<double[]>(values.size());
  sort_values(values, std::span(scratch.get(), values.size()));
}

std::vector<double> merge_sorted(std::span<const std::span<const double>> runs, const Context& context) {
  const std::vector<double> bounds = range_bounds(runs);
  const size_t ranges = bounds.size() + 1;
  std::vector<size_t> begins(runs.size() * (ranges + 1));  // [runs][ranges + 1]
  std::vector<size_t> starts(ranges + 1);                  // of the ranges in what is merged
  for (size_t r = 0; r < runs.size(); ++r) {
    const std::span<size_t> own = std::span(begins).subspan(r * (ranges + 1), ranges + 1);
    count_below(runs[r], bounds, own.subspan(1, bounds.size()));
    own[ranges] = runs[r].size();
    for (size_t k = 0; k < ranges; ++k) starts[k + 1] += own[k + 1];
  }
  std::vector<double> merged = zeros(starts.back(), context);
  parallel_blocks(ranges, 1, context, [&](size_t k, size_t) {
    auto next = merged.begin() + static_cast<ptrdiff_t>(starts[k]);
    for (size_t r = 0; r < runs.size(); ++r) {
      const size_t* const own = begins.data() + r * (ranges + 1) + k;
      next = std::ranges::copy(runs[r].subspan(own[0], own[1] - own[0]), next).out;
    }
    radix_sort(std::span(merged).subspan(starts[k], starts[k + 1] - starts[k]));
  });
  return merged;
}

}  // namespace miaudit
