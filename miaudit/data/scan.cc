#include "miaudit/data/scan.h"

#include <algorithm>
#include <cmath>

#include "miaudit/base/parallel.h"

namespace miaudit {
namespace {

constexpr double kSumTolerance = 1e-3;
constexpr double kRounding = 0.005, kMostRounding = 0.1, kExactly = 1e-6;

template <class T>
double value_of(T stored) {
  if constexpr (std::is_same_v<T, Half>) {
    return to_double(stored);
  } else {
    return static_cast<double>(stored);
  }
}

// Facts about one block of records; blocks are joined in order.
template <class T>
void scan_record(const T* values, size_t record, size_t queries, size_t columns, ScanResult& found) {
  bool finite = true;
  bool in_unit_interval = true, is_negative = false, is_certain = false;
  double off = 0, off_hundred = 0;
  bool exponentials_sum_to_one = true;
  for (size_t q = 0; q < queries; ++q) {
    const T* row = values + q * columns;
    double sum = 0;
    double lowest = 1;
    double highest = 0;
    for (size_t c = 0; c < columns; ++c) {
      const double v = value_of(row[c]);
      sum += v;
      lowest = v < lowest ? v : lowest;
      highest = v > highest ? v : highest;
    }
    if (!std::isfinite(sum) || lowest < -kLargestOutput || highest > kLargestOutput) {
      for (size_t c = 0; c < columns; ++c) {
        const double v = value_of(row[c]);
        if (std::abs(v) <= kLargestOutput) continue;
        if (finite && found.nonfinite_records.empty()) {
          found.first_nonfinite_query = q;
          found.first_nonfinite_column = c;
        }
        finite = false;
        ++(std::isnan(v) ? found.nan : found.infinite);
      }
      if (!finite) continue;
    }
    if (lowest < 0 || highest > 1) in_unit_interval = false;
    is_certain |= highest == 1;
    is_negative |= lowest < 0;
    if (columns > 1) off = std::max(off, std::abs(sum - 1));
    off_hundred = std::max(off_hundred, std::abs(sum - 100));
    if (highest > 0) exponentials_sum_to_one = false;
    if (exponentials_sum_to_one && columns > 1) {
      double exponentials = 0;
      for (size_t c = 0; c < columns; ++c) exponentials += std::exp(value_of(row[c]));
      if (!(std::abs(exponentials - 1) <= kSumTolerance)) exponentials_sum_to_one = false;
    }
  }
  if (!finite) {
    found.nonfinite_records.push_back(record);
    return;
  }
  ++found.finite_records;
  if (!in_unit_interval) found.outside_unit_interval.add(record);
  if (!in_unit_interval || !(off <= kSumTolerance)) found.not_probabilities.add(record);
  if (columns == 1 || !(off <= kSumTolerance)) found.not_summing_to_one.add(record);
  if (!in_unit_interval || !(off <= rounding_tolerance(columns))) found.not_rounded.add(record);
  found.certain += in_unit_interval && is_certain;
  if (in_unit_interval) found.largest_off = std::max(found.largest_off, off);
  if (is_negative || !(off_hundred <= 100 * rounding_tolerance(columns))) found.not_percentages.add(record);
  if (!exponentials_sum_to_one) found.not_log_probabilities.add(record);
}

template <class T>
ScanResult scan(const OutputsPart& part, const Context& context) {
  const std::span<const T> values = part.values.as<T>();
  const size_t queries = part.values.shape()[1];
  const size_t columns = part.values.shape()[2];
  const size_t record_size = queries * columns;
  const size_t block = std::max<size_t>(1, (size_t{1} << 18) / std::max<size_t>(1, record_size));
  std::vector<ScanResult> blocks(part.samples() / block + 1);
  parallel_blocks(part.samples(), block, context, [&](size_t begin, size_t end) {
    ScanResult found;
    for (size_t i = begin; i < end; ++i) scan_record(values.data() + i * record_size, i, queries, columns, found);
    blocks[begin / block] = std::move(found);
    let_pass(part, begin, end);
  });

  ScanResult all;
  for (const ScanResult& found : blocks) {
    if (all.nonfinite_records.empty()) {
      all.first_nonfinite_query = found.first_nonfinite_query;
      all.first_nonfinite_column = found.first_nonfinite_column;
    }
    all.nonfinite_records.insert(all.nonfinite_records.end(), found.nonfinite_records.begin(),
                                 found.nonfinite_records.end());
    all.nan += found.nan;
    all.infinite += found.infinite;
    all.finite_records += found.finite_records;
    all.outside_unit_interval.join(found.outside_unit_interval);
    all.not_probabilities.join(found.not_probabilities);
    all.not_summing_to_one.join(found.not_summing_to_one);
    all.not_rounded.join(found.not_rounded);
    all.certain += found.certain;
    all.largest_off = std::max(all.largest_off, found.largest_off);
    all.not_percentages.join(found.not_percentages);
    all.not_log_probabilities.join(found.not_log_probabilities);
  }
  return all;
}

}  // namespace

double rounding_tolerance(size_t columns) {
  return std::max(kSumTolerance, std::min(kMostRounding, kRounding * static_cast<double>(columns)) + kExactly);
}

ScanResult scan_outputs(const OutputsPart& part, const Context& context) {
  switch (part.values.type()) {
    case ElementType::float16:
      return scan<Half>(part, context);
    case ElementType::float32:
      return scan<float>(part, context);
    case ElementType::float64:
      return scan<double>(part, context);
    default:
      fail(Category::internal, "outputs of {}", element_name(part.values.type()));
  }
}

}  // namespace miaudit
