#include "miaudit/data/families.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace miaudit {
namespace {

/// Correlation of two splits from which they are taken for one split, or for one and what it leaves out.
constexpr double kSameSplit = 0.9;
/// So many records tell that.
constexpr size_t kMostCompared = 1 << 15;

/// A model's side of some records, a bit each.
struct Split {
  std::vector<uint64_t> in;
  std::vector<uint64_t> known;
};

size_t common_bits(std::span<const uint64_t> a, std::span<const uint64_t> b) {
  int bits = 0;
  for (size_t w = 0; w < a.size(); ++w) bits += std::popcount(a[w] & b[w]);
  return static_cast<size_t>(bits);
}

Split split_of(std::span<const int8_t> membership, std::span<const uint32_t> records) {
  const size_t words = (records.size() + 63) / 64;
  Split split{std::vector<uint64_t>(words), std::vector<uint64_t>(words)};
  for (size_t k = 0; k < records.size(); ++k) {
    split.in[k / 64] |= uint64_t{membership[records[k]] == 1} << (k % 64);
    split.known[k / 64] |= uint64_t{membership[records[k]] >= 0} << (k % 64);
  }
  return split;
}

double correlation(const Split& a, const Split& b) {
  const double both = static_cast<double>(common_bits(a.in, b.in));
  const double of_a = static_cast<double>(common_bits(a.in, b.known));
  const double of_b = static_cast<double>(common_bits(a.known, b.in));
  const double all = static_cast<double>(common_bits(a.known, b.known));
  const double spread = of_a * (all - of_a) * of_b * (all - of_b);
  return spread > 0 ? (both * all - of_a * of_b) / std::sqrt(spread) : 0;
}

}  // namespace

std::vector<size_t> families_of(const Models& models, std::span<const size_t> partners) {
  std::vector<uint32_t> records;
  for (uint32_t i = 0; i < models.records(); ++i)
    if (models.audited[i]) records.push_back(i);
  const size_t step = records.size() / kMostCompared + 1;
  for (size_t k = 0; k * step < records.size(); ++k) records[k] = records[k * step];
  records.resize((records.size() + step - 1) / step);
  std::vector<Split> splits;
  for (const AuditedModel& model : models.models) splits.push_back(split_of(model.membership, records));
  std::vector<size_t> families(splits.size());
  for (size_t m = 0; m < splits.size(); ++m) {
    families[m] = m;
    for (size_t other = 0; other < m; ++other) {
      if (families[other] == families[m]) continue;
      if (partners[m] != other && std::abs(correlation(splits[m], splits[other])) < kSameSplit) continue;
      const size_t first = std::min(families[m], families[other]);
      const size_t second = std::max(families[m], families[other]);
      std::ranges::replace(families, second, first);
    }
  }
  return families;
}

}  // namespace miaudit
