#include "miaudit/data/families.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <numeric>
#include <set>
#include <utility>

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

/// Some that lie evenly among the audited.
std::vector<uint32_t> compared_records(const Models& models) {
  std::vector<uint32_t> records;
  for (uint32_t i = 0; i < models.records(); ++i)
    if (models.audited[i]) records.push_back(i);
  const size_t step = records.size() / kMostCompared + 1;
  for (size_t k = 0; k * step < records.size(); ++k) records[k] = records[k * step];
  records.resize((records.size() + step - 1) / step);
  return records;
}

void join(std::vector<size_t>& families, size_t a, size_t b) {
  const size_t first = std::min(families[a], families[b]), second = std::max(families[a], families[b]);
  std::ranges::replace(families, second, first);
}

/// The model and those whose side of the records is disjoint from its own and from each other's, if that is a round.
std::vector<size_t> round_of(const std::vector<std::vector<uint64_t>>& sides, size_t model, size_t all) {
  constexpr double kPastChance = 20, kOverlap = 0.02, kLeastCovered = 0.55;
  std::vector<uint64_t> covered = sides[model];
  double expected = 0;  // records that two of them would share by chance, over all pairs
  std::vector<size_t> round = {model};
  for (size_t other = 0; other < sides.size(); ++other) {
    const double by_chance = static_cast<double>(common_bits(covered, covered)) *
                             static_cast<double>(common_bits(sides[other], sides[other])) / static_cast<double>(all);
    if (by_chance == 0 || static_cast<double>(common_bits(covered, sides[other])) > kOverlap * by_chance) continue;
    expected += by_chance;
    round.push_back(other);
    std::ranges::transform(covered, sides[other], covered.begin(), std::bit_or());
  }
  const double share = static_cast<double>(common_bits(covered, covered)) / static_cast<double>(all);
  return expected >= kPastChance && share >= kLeastCovered ? round : std::vector<size_t>{model};
}

/// Of one round alone all are each other's references: none of them is nearer to the target than the others.
void join_rounds(const std::vector<Split>& splits, size_t all, std::vector<size_t>& families) {
  for (const bool of_left_out : {true, false}) {
    std::vector<std::vector<uint64_t>> sides;
    for (const Split& split : splits) {
      sides.push_back(split.in);
      for (size_t w = 0; of_left_out && w < split.in.size(); ++w) sides.back()[w] = split.known[w] & ~split.in[w];
    }
    std::vector<size_t> joined = families;
    for (size_t m = 0; m < splits.size(); ++m)
      for (const size_t other : round_of(sides, m, all)) join(joined, m, other);
    if (std::ranges::count(joined, joined.front()) < static_cast<ptrdiff_t>(joined.size())) families = joined;
  }
}

/// Splits that correlate by as much resemble each other; independent ones of so many records hardly ever do.
double least_resemblance(size_t records) {
  constexpr double kAlike = 0.4, kDeviations = 6;
  return std::max(kAlike, kDeviations / std::sqrt(static_cast<double>(records)));
}

}  // namespace

void find_families(Models& models, std::span<const size_t> partners) {
  const std::vector<uint32_t> records = compared_records(models);
  std::vector<Split> splits;
  for (const AuditedModel& model : models.models) splits.push_back(split_of(model.membership, records));
  std::vector<size_t>& families = models.families;
  families.resize(splits.size());
  std::iota(families.begin(), families.end(), size_t{0});
  std::vector<std::pair<size_t, size_t>> alike;
  for (size_t m = 0; m < splits.size(); ++m)
    for (size_t other = 0; other < m; ++other) {
      const double found = std::abs(correlation(splits[m], splits[other]));
      if (partners[m] == other || found >= kSameSplit)
        join(families, m, other);
      else if (found >= least_resemblance(records.size()))
        alike.emplace_back(other, m);
    }
  join_rounds(splits, records.size(), families);
  models.resembling.assign(splits.size(), {});
  std::set<std::pair<size_t, size_t>> pairs;
  for (const auto& [first, second] : alike)
    if (families[first] != families[second]) pairs.insert(std::minmax(families[first], families[second]));
  for (const auto& [first, second] : pairs) {
    models.resembling[first].push_back(second);
    models.resembling[second].push_back(first);
  }
  // Of splits that all resemble the target's none is nearer to it than the others.
  const size_t count = std::set(families.begin(), families.end()).size();
  for (std::vector<size_t>& of_family : models.resembling)
    if (of_family.size() + 1 == count) of_family.clear();
}

std::vector<size_t> barred_families(const Models& models, size_t model) {
  const size_t family = models.families[model];
  std::vector<size_t> barred = {family};
  if (!models.resembling.empty())
    barred.insert(barred.end(), models.resembling[family].begin(), models.resembling[family].end());
  std::ranges::sort(barred);
  return barred;
}

}  // namespace miaudit
