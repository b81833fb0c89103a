#include "miaudit/math/sort.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>

namespace miaudit {
namespace {

constexpr int kDigitBits = 11;
constexpr int kDigits = 3;
constexpr size_t kBuckets = size_t{1} << kDigitBits;
/// The first round sorts by the top 33 of 64 bits, the second the rest: 31 bits, and two of the first again.
constexpr int kTopShift = 64 - kDigits * kDigitBits;
/// Shorter than this, filling the tables of counts costs more than comparing.
constexpr size_t kComparisonLimit = 4096;

/// Order-preserving: key(a) < key(b) exactly when a < b (finite, no −0).
uint64_t key(double value) {
  const uint64_t bits = std::bit_cast<uint64_t>(value);
  const uint64_t if_negative = static_cast<uint64_t>(static_cast<int64_t>(bits) >> 63);
  return bits ^ (if_negative | uint64_t{1} << 63);
}

size_t digit(double value, int shift) {
  return (key(value) >> shift) & (kBuckets - 1);
}

/// Sorts by the 33 key bits from `shift` up: least significant digit first, digits that are all equal left out.
template <class Count>
void sort_by_bits(std::span<double> values, std::span<double> scratch, int shift) {
  const auto counts = std::make_unique<std::array<std::array<Count, kBuckets>, kDigits>>();
  for (const double value : values)
    for (int d = 0; d < kDigits; ++d) ++(*counts)[d][digit(value, shift + d * kDigitBits)];

  double* from = values.data();
  double* to = scratch.data();
  for (int d = 0; d < kDigits; ++d) {
    std::array<Count, kBuckets>& places = (*counts)[d];
    const int digit_shift = shift + d * kDigitBits;
    if (places[digit(from[0], digit_shift)] == values.size()) continue;
    Count place = 0;
    for (Count& entry : places) place += std::exchange(entry, place);
    for (size_t i = 0; i < values.size(); ++i) to[places[digit(from[i], digit_shift)]++] = from[i];
    std::swap(from, to);
  }
  if (from != values.data()) std::copy_n(from, values.size(), values.data());
}

void sort_by_bits(std::span<double> values, std::span<double> scratch, int shift) {
  if (values.size() <= std::numeric_limits<uint32_t>::max())
    sort_by_bits<uint32_t>(values, scratch, shift);
  else
    sort_by_bits<uint64_t>(values, scratch, shift);
}

}  // namespace

void radix_sort(std::span<double> values) {
  for (double& value : values) value += 0.0;  // −0 becomes +0
  if (values.size() <= kComparisonLimit) {
    std::sort(values.begin(), values.end());
    return;
  }
  const auto scratch = std::make_unique_for_overwrite<double[]>(values.size());
  const std::span spare(scratch.get(), values.size());
  sort_by_bits(values, spare, kTopShift);
  // Half the bits nearly sort continuous scores. Wherever two neighbours are still out of order, the run of scores
  // equal in those bits is sorted by the others: mostly a few, or many where scores crowd together.
  const auto top = [&](size_t i) { return key(values[i]) >> kTopShift; };
  for (size_t i = 1; i < values.size(); ++i) {
    if (values[i - 1] <= values[i]) continue;
    size_t begin = i - 1;
    while (begin > 0 && top(begin - 1) == top(i)) --begin;
    while (i < values.size() && top(i) == top(begin)) ++i;
    const std::span run = values.subspan(begin, i - begin);
    if (run.size() > kComparisonLimit)
      sort_by_bits(run, spare, 0);
    else
      std::sort(run.begin(), run.end());
  }
}

void count_below(std::span<const double> sorted, std::span<const double> values, std::span<size_t> counts) {
  constexpr size_t kLanes = 16;
  if (sorted.empty()) {
    std::fill(counts.begin(), counts.end(), size_t{0});
    return;
  }
  for (size_t k = 0; k < values.size(); k += kLanes) {
    const size_t lanes = std::min(kLanes, values.size() - k);
    std::array<double, kLanes> sought{};
    std::copy_n(values.begin() + static_cast<ptrdiff_t>(k), lanes, sought.begin());
    std::array<size_t, kLanes> below{};
    for (size_t length = sorted.size(); length > 1; length -= length / 2) {
      const size_t half = length / 2;
      for (size_t l = 0; l < kLanes; ++l) below[l] += sorted[below[l] + half - 1] < sought[l] ? half : 0;
    }
    for (size_t l = 0; l < lanes; ++l) counts[k + l] = below[l] + (sorted[below[l]] < sought[l] ? 1 : 0);
  }
}

}  // namespace miaudit
