#include <algorithm>
#include <array>
#include <cstdint>

#include "miaudit/math/sort.h"

// As in kernels.cc: four targets are enough.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "miaudit/math/search.cc"
// foreach_target.h must come first: it includes this file once for each target.
// clang-format off
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

#ifndef MIAUDIT_MATH_SEARCH_LANES
#define MIAUDIT_MATH_SEARCH_LANES
namespace miaudit {
/// A whole number of any target's steps.
inline constexpr size_t kSearches = 32;
}  // namespace miaudit
#endif

HWY_BEFORE_NAMESPACE();
namespace miaudit::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

/// Four vectors of searches in step: the memory accesses of one hide those of the others. counts_in(value, sought):
/// whether a sorted value counts.
template <class CountsIn>
HWY_INLINE void search_in_step(std::span<const double> sorted, const double* sought, int64_t* counts,
                               const CountsIn& counts_in) {
  const hn::CappedTag<double, kSearches / 4> d;
  const hn::RebindToSigned<decltype(d)> integers;
  const size_t lanes = hn::Lanes(d);
  for (size_t first = 0; first < kSearches; first += 4 * lanes) {
    const auto sought0 = hn::LoadU(d, sought + first), sought1 = hn::LoadU(d, sought + first + lanes);
    const auto sought2 = hn::LoadU(d, sought + first + 2 * lanes), sought3 = hn::LoadU(d, sought + first + 3 * lanes);
    auto count0 = hn::Zero(integers), count1 = count0, count2 = count0, count3 = count0;
    const auto step = [&](size_t half) HWY_ATTR {
      const auto skipped = hn::Set(integers, static_cast<int64_t>(half));
      const double* const pivots = sorted.data() + half - 1;
      const auto moved = [&](auto count, auto value) HWY_ATTR {
        const auto is_in = counts_in(hn::GatherIndex(d, pivots, count), value);
        return hn::Add(count, hn::IfThenElseZero(hn::RebindMask(integers, is_in), skipped));
      };
      count0 = moved(count0, sought0);
      count1 = moved(count1, sought1);
      count2 = moved(count2, sought2);
      count3 = moved(count3, sought3);
    };
    for (size_t length = sorted.size(); length > 1; length -= length / 2) step(length / 2);
    step(1);
    hn::StoreU(count0, integers, counts + first);
    hn::StoreU(count1, integers, counts + first + lanes);
    hn::StoreU(count2, integers, counts + first + 2 * lanes);
    hn::StoreU(count3, integers, counts + first + 3 * lanes);
  }
}

/// sorted: at least one. sought and counts: kSearches each.
void search_below(std::span<const double> sorted, const double* sought, int64_t* counts) {
  search_in_step(sorted, sought, counts, [](auto value, auto limit) HWY_ATTR { return hn::Lt(value, limit); });
}
void search_up_to(std::span<const double> sorted, const double* sought, int64_t* counts) {
  search_in_step(sorted, sought, counts, [](auto value, auto limit) HWY_ATTR { return hn::Le(value, limit); });
}

}  // namespace
}  // namespace miaudit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace miaudit {

HWY_EXPORT(search_below);
HWY_EXPORT(search_up_to);

namespace {

template <class Search>
void search_all(std::span<const double> sorted, std::span<const double> values, std::span<size_t> counts,
                const Search& search) {
  if (sorted.empty()) {
    std::fill(counts.begin(), counts.end(), size_t{0});
    return;
  }
  std::array<double, kSearches> sought{};
  std::array<int64_t, kSearches> found;
  for (size_t k = 0; k < values.size(); k += kSearches) {
    const size_t own = std::min(kSearches, values.size() - k);
    std::copy_n(values.begin() + static_cast<ptrdiff_t>(k), own, sought.begin());
    search(sorted, sought.data(), found.data());
    std::copy_n(found.begin(), own, counts.begin() + static_cast<ptrdiff_t>(k));
  }
}

}  // namespace

void count_below(std::span<const double> sorted, std::span<const double> values, std::span<size_t> counts) {
  search_all(sorted, values, counts, HWY_DYNAMIC_DISPATCH(search_below));
}

void count_up_to(std::span<const double> sorted, std::span<const double> values, std::span<size_t> counts) {
  search_all(sorted, values, counts, HWY_DYNAMIC_DISPATCH(search_up_to));
}

}  // namespace miaudit
#endif
