#include "miaudit/audit/record_checks.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <unordered_set>
#include <utility>
#include <vector>

#include "miaudit/base/parallel.h"
#include "miaudit/math/distributions.h"

namespace miaudit {
namespace {

// 64 bits of a record's bytes: a stranger's collision among 10^7 records has probability 3e-6.
uint64_t hash_bytes(const std::byte* bytes, size_t count, uint64_t label) {
  const auto mix = [](uint64_t h, uint64_t word) {
    h = (h ^ word) * 0x9E3779B97F4A7C15ULL;
    return h ^ (h >> 29);
  };
  uint64_t hash = mix(0x243F6A8885A308D3ULL, label + count);
  for (; count >= 8; bytes += 8, count -= 8) {
    uint64_t word;
    std::memcpy(&word, bytes, 8);
    hash = mix(hash, word);
  }
  uint64_t tail = 0;
  std::memcpy(&tail, bytes, count);
  hash = mix(hash, tail);
  return hash ^ (hash >> 32);
}

template <class T>
double widened(T value) {
  if constexpr (std::is_same_v<T, Half>)
    return to_double(value);
  else
    return static_cast<double>(value);
}

// Whether one class takes all in the record's first query.
template <class T>
bool is_saturated(const T* row, const Outputs& outputs) {
  double first = -INFINITY;
  double second = -INFINITY;
  for (size_t c = 0; c < outputs.columns; ++c) {
    const double v = widened(row[c]);
    if (v > first) {
      second = first;
      first = v;
    } else if (v > second) {
      second = v;
    }
  }
  constexpr double kSmall = 1e-6;
  if (outputs.columns == 1)
    return outputs.form == OutputForm::probabilities ? first < kSmall || first > 1 - kSmall
                                                     : std::abs(first) > -std::log(kSmall);
  switch (outputs.form) {
    case OutputForm::probabilities:
      return first > 1 - kSmall;
    case OutputForm::log_probabilities:
      return first > -kSmall;
    case OutputForm::logits:
      break;
  }
  return false;
}

// Hashes by side; membership −1 and saturated rows left out.
std::pair<std::vector<uint64_t>, std::vector<uint64_t>> hash_sides(const Records& records, const Context& context) {
  const Outputs& outputs = records.outputs;
  std::vector<uint64_t> hashes(records.size());
  std::vector<uint8_t> counted(records.size());
  size_t first = 0;
  for (const OutputsPart& part : outputs.parts) {
    with_element_type(part.values.type(), [&]<class T>() {
      if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, Half>) {
        const T* values = part.values.as<T>().data();
        const size_t width = outputs.queries * outputs.columns;
        parallel_blocks(
            part.samples(), std::min<size_t>(1 << 14, samples_of_a_block(part)), context,
            [&](size_t begin, size_t end) {
              for (size_t i = begin; i < end; ++i) {
                const T* row = values + i * width;
                const size_t record = first + i;
                const uint64_t label = records.labels.empty() ? 0 : static_cast<uint64_t>(records.labels[record]);
                hashes[record] = hash_bytes(reinterpret_cast<const std::byte*>(row), width * sizeof(T), label);
                counted[record] = !is_saturated(row, outputs);
              }
              let_pass(part, begin, end);
            });
      }
    });
    first += part.samples();
  }
  std::pair<std::vector<uint64_t>, std::vector<uint64_t>> sides;
  for (size_t i = 0; i < hashes.size(); ++i) {
    if (!counted[i] || records.membership[i] < 0) continue;
    (records.membership[i] ? sides.first : sides.second).push_back(hashes[i]);
  }
  return sides;
}

}  // namespace

uint64_t count_duplicates(const Records& records, const Context& context) {
  auto [members, nonmembers] = hash_sides(records, context);
  // Only hashes whose bucket a member fills can match, so the larger part of the work is one pass over bits.
  constexpr size_t kBuckets = size_t{1} << 26;
  std::vector<bool> seen(kBuckets);
  for (const uint64_t hash : members) seen[hash % kBuckets] = true;
  std::erase_if(nonmembers, [&](uint64_t hash) { return !seen[hash % kBuckets]; });
  seen.assign(kBuckets, false);
  for (const uint64_t hash : nonmembers) seen[hash % kBuckets] = true;
  std::erase_if(members, [&](uint64_t hash) { return !seen[hash % kBuckets]; });
  std::sort(members.begin(), members.end());
  // Named in the capture: clang before 16 captures no structured binding otherwise.
  return static_cast<uint64_t>(std::count_if(nonmembers.begin(), nonmembers.end(), [&members = members](uint64_t hash) {
    return std::binary_search(members.begin(), members.end(), hash);
  }));
}

std::optional<double> class_balance_p(const Records& records) {
  if (records.labels.empty()) return {};
  std::vector<double> counts[2] = {std::vector<double>(records.outputs.classes),
                                   std::vector<double>(records.outputs.classes)};
  double totals[2] = {0, 0};
  std::unordered_set<int64_t> seen;
  for (size_t i = 0; i < records.size(); ++i) {
    if (records.membership[i] < 0) continue;
    if (!records.groups.empty() && !seen.insert(records.groups[i]).second) continue;
    ++counts[records.membership[i]][static_cast<size_t>(records.labels[i])];
    ++totals[records.membership[i]];
  }
  // Classes too rare for the chi-squared approximation count together.
  double statistic = 0;
  double rare[2] = {0, 0};
  size_t cells = 0;
  const auto add = [&](double nonmembers, double members) {
    const double total = nonmembers + members;
    const double expected[2] = {total * totals[0] / (totals[0] + totals[1]),
                                total * totals[1] / (totals[0] + totals[1])};
    statistic += (nonmembers - expected[0]) * (nonmembers - expected[0]) / expected[0] +
                 (members - expected[1]) * (members - expected[1]) / expected[1];
    ++cells;
  };
  const double smaller_share = std::min(totals[0], totals[1]) / (totals[0] + totals[1]);
  for (size_t c = 0; c < records.outputs.classes; ++c) {
    if ((counts[0][c] + counts[1][c]) * smaller_share < 5) {
      rare[0] += counts[0][c];
      rare[1] += counts[1][c];
    } else {
      add(counts[0][c], counts[1][c]);
    }
  }
  if ((rare[0] + rare[1]) * smaller_share >= 5) add(rare[0], rare[1]);
  if (cells < 2) return {};
  return chi_squared_survival(static_cast<double>(cells - 1), statistic);
}

namespace {

/// The class of a record's first query.
template <class T>
size_t predicted(const T* row, const Outputs& outputs) {
  if (outputs.columns == 1) {
    const double middle = outputs.form == OutputForm::probabilities       ? 0.5
                          : outputs.form == OutputForm::log_probabilities ? -std::numbers::ln2
                                                                          : 0;
    return widened(row[0]) > middle;
  }
  size_t best = 0;
  for (size_t c = 1; c < outputs.columns; ++c)
    if (widened(row[c]) > widened(row[best])) best = c;
  return best;
}

}  // namespace

std::optional<LabelFit> label_fit(const Records& records) {
  constexpr size_t kMost = 100'000;
  const Outputs& outputs = records.outputs;
  if (records.labels.empty() || outputs.parts.empty()) return {};
  const size_t step = records.size() / kMost + 1;
  std::vector<double> labels(outputs.classes), predictions(outputs.classes);
  LabelFit fit;
  size_t first = 0;
  for (const OutputsPart& part : outputs.parts) {
    with_element_type(part.values.type(), [&]<class T>() {
      if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, Half>) {
        const T* values = part.values.as<T>().data();
        const size_t block = samples_of_a_block(part);
        size_t passed = 0;
        for (size_t i = (step - first % step) % step; i < part.samples(); i += step) {
          if (i - passed >= block) let_pass(part, std::exchange(passed, i), i);
          const auto label = static_cast<size_t>(records.labels[first + i]);
          const size_t own = predicted(values + i * outputs.queries * outputs.columns, outputs);
          ++labels[label];
          ++predictions[own];
          ++fit.records;
          fit.accuracy += own == label;
        }
      }
    });
    first += part.samples();
  }
  if (fit.records == 0) return {};
  const auto count = static_cast<double>(fit.records);
  fit.accuracy /= count;
  for (size_t c = 0; c < outputs.classes; ++c) fit.by_chance += labels[c] * predictions[c] / (count * count);
  return fit;
}

bool is_unfit(const LabelFit& fit) {
  constexpr uint64_t kFewest = 100;
  constexpr double kSurely = 1.645;
  const double deviation = std::sqrt(fit.by_chance * (1 - fit.by_chance) / static_cast<double>(fit.records));
  return fit.records >= kFewest && fit.by_chance < 1 && fit.accuracy <= fit.by_chance + kSurely * deviation;
}

}  // namespace miaudit
