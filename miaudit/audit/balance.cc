#include "miaudit/audit/balance.h"

#include <algorithm>

#include "miaudit/base/rng.h"

namespace miaudit {
namespace {

/// Share of the records with any models on a side that must keep some, for which others may lose theirs. (Of 8 models
/// that each know half of the records, 99 in 100 records have one on either side, 96 have two: what two tell is worth
/// more than what the few records add.)
constexpr double kCovered = 0.95;
constexpr double kNearlyAll = 0.99;
/// A side that fewer records have is not used.
constexpr double kLeastWithAny = 0.1;
/// Nor are IN models where fewer records have both sides.
constexpr double kLeastWithBoth = 0.5;
/// A side of which fewer of the records that have any have two, and some have none, is that of a partition. Independent
/// splits with kLeastWithAny have more that have two.
constexpr double kLeastWithTwo = 0.02;

/// The most models that nearly all of the records have that have any: those without are lost to the side in any case.
uint32_t common(std::vector<uint32_t> available) {
  const size_t all = available.size();
  std::erase(available, 0u);
  if (static_cast<double>(available.size()) < kLeastWithAny * static_cast<double>(all) || available.empty()) return 0;
  std::ranges::sort(available);
  return available[static_cast<size_t>((1 - kCovered) * static_cast<double>(available.size()))];
}

/// Whether training sets, or what they leave out, share next to nothing: a record's one model on the side then proves
/// where the target stands.
bool is_partition(const std::vector<uint32_t>& available) {
  const auto at_least = [&](uint32_t models) {
    return static_cast<double>(std::ranges::count_if(available, [&](uint32_t own) { return own >= models; }));
  };
  const double all = static_cast<double>(available.size()), any = at_least(1);
  return all - any > (1 - kNearlyAll) * all && at_least(2) < kLeastWithTwo * any;
}

/// Keeps `keep` of the models on `side` of a record, at random; none where there are fewer. How many are left.
double thin(std::span<int8_t* const> rows, size_t record, int8_t side, size_t keep, Rng& rng,
            std::vector<uint32_t>& places) {
  places.clear();
  for (uint32_t r = 0; r < rows.size(); ++r)
    if (rows[r][record] == side) places.push_back(r);
  if (places.size() == keep) return static_cast<double>(keep);
  const size_t kept = places.size() < keep ? 0 : keep;
  rng.shuffle(std::span(places));
  for (size_t k = kept; k < places.size(); ++k) rows[places[k]][record] = -1;
  return static_cast<double>(kept);
}

}  // namespace

SideCounts count_sides(std::span<const std::span<const int8_t>> membership, size_t records) {
  SideCounts counts{std::vector<uint32_t>(records), std::vector<uint32_t>(records)};
  // A few records at a time, whose counts stay in the first cache.
  constexpr size_t kBlock = 1024;
  for (size_t begin = 0; begin < records; begin += kBlock)
    for (const std::span<const int8_t> row : membership)
      for (size_t i = begin; i < std::min(begin + kBlock, records); ++i) {
        counts.in[i] += row[i] == 1;
        counts.out[i] += row[i] == 0;
      }
  return counts;
}

Sides balance(std::span<const std::span<const int8_t>> membership, const SideCounts& counts,
              std::span<const uint8_t> audited, uint64_t seed, size_t first, size_t end) {
  const size_t records = audited.size();
  end = std::min(end, records);
  const size_t width = end - first;
  Sides sides;
  const auto of_range = [&](const std::vector<uint32_t>& all) {
    const auto begin = all.begin() + static_cast<ptrdiff_t>(first);
    return std::vector<double>(begin, begin + static_cast<ptrdiff_t>(width));
  };
  sides.in_counts = of_range(counts.in);
  sides.out_counts = of_range(counts.out);
  size_t one = 0;
  while (one < records && !audited[one]) ++one;
  bool is_paired = one < records;
  for (size_t i = one; i < records; ++i)
    is_paired &= !audited[i] || (counts.in[i] == counts.in[one] && counts.out[i] == counts.in[one]);
  if (is_paired && counts.in[one] > 0) {
    sides.models_in = sides.models_out = counts.in[one];
    for (const std::span<const int8_t> row : membership) sides.rows.push_back(row.data() + first);
    return sides;
  }
  std::vector<uint32_t> in, out;
  for (size_t i = 0; i < records; ++i) {
    if (!audited[i] || counts.in[i] + counts.out[i] == 0) continue;
    in.push_back(counts.in[i]);
    out.push_back(counts.out[i]);
  }
  // Of a single model either side would be one, and its other side all that is left.
  sides.models_out = membership.size() > 1 && is_partition(out) ? 0 : common(out);
  sides.models_in = membership.size() == 1 || is_partition(in) ? 0 : common(in);
  size_t with_both = 0;
  for (size_t k = 0; k < in.size(); ++k) with_both += in[k] >= sides.models_in && out[k] >= sides.models_out;
  if (static_cast<double>(with_both) < kLeastWithBoth * static_cast<double>(in.size())) sides.models_in = 0;
  if (membership.size() == 1) {
    sides.rows = {membership.front().data() + first};
    return sides;
  }
  std::vector<int8_t*> rows;
  sides.cut.resize(membership.size() * width);
  for (size_t r = 0; r < membership.size(); ++r) {
    rows.push_back(sides.cut.data() + r * width);
    std::ranges::copy(membership[r].subspan(first, width), rows.back());
    sides.rows.push_back(rows.back());
  }
  std::vector<uint32_t> places;
  for (size_t i = 0; i < width; ++i) {
    if (!audited[first + i]) continue;
    Rng rng(seed, first + i);
    sides.out_counts[i] = thin(rows, i, 0, sides.models_out, rng, places);
    sides.in_counts[i] = thin(rows, i, 1, sides.models_in, rng, places);
  }
  return sides;
}

}  // namespace miaudit
