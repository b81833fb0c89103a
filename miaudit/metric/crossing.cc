#include "miaudit/metric/crossing.h"

#include <algorithm>
#include <array>

#include "miaudit/base/parallel.h"
#include "miaudit/math/sort.h"

namespace miaudit {
namespace {

/// Sums over each person's records.
template <class Sum>
std::vector<Sum> by_person(const Crossing& crossing, std::vector<Sum> of_records) {
  if (crossing.person_of.empty()) return of_records;
  std::vector<Sum> sums(*std::ranges::max_element(crossing.person_of) + size_t{1});
  for (size_t i = 0; i < of_records.size(); ++i) sums[crossing.person_of[i]] += of_records[i];
  return sums;
}

/// add(sums, scores, membership, count): of so many records that follow each other, under one model.
template <class Sum, class Add>
std::vector<Sum> by_record_or_person(const Crossing& crossing, const Context& context, const Add& add) {
  const size_t step = kCrossingRun * crossing.stride, runs = (crossing.records + step - 1) / step;
  const size_t last = std::min(kCrossingRun, crossing.records - (runs - 1) * step);
  std::vector<Sum> sums((runs - 1) * kCrossingRun + last);
  // So many runs at a time that their sums stay in the first cache.
  parallel_blocks(runs, 16, context, [&](size_t begin, size_t end) {
    for (size_t m = 0; m < crossing.models.size(); ++m) {
      if (!crossing.models[m]) continue;
      for (size_t run = begin; run < end; ++run) {
        const size_t first = m * crossing.records + run * step;
        add(sums.data() + run * kCrossingRun, crossing.scores.data() + first, crossing.membership.data() + first,
            run + 1 < runs ? kCrossingRun : last);
      }
    }
  });
  return by_person(crossing, std::move(sums));
}

/// Some of the ascending values, and each one's placement among all.
class Knots {
 public:
  explicit Knots(const std::vector<double>& ascending) {
    constexpr size_t kMost = 4096;
    const size_t n = ascending.size(), count = std::min(kMost, n);
    for (size_t k = 0; k < count; ++k) {
      const double value = ascending[count > 1 ? k * (n - 1) / (count - 1) : 0];
      if (!values_.empty() && values_.back() == value) continue;
      const auto [first, last] = std::equal_range(ascending.begin(), ascending.end(), value);
      values_.push_back(value);
      below_.push_back(static_cast<double>(first - ascending.begin()) / static_cast<double>(n));
      up_to_.push_back(static_cast<double>(last - ascending.begin()) / static_cast<double>(n));
    }
  }
  const std::vector<double>& values() const { return values_; }
  /// below: how many of values() are below the value.
  double placement(double value, size_t below) const {
    if (below < values_.size() && values_[below] == value) return 0.5 * (below_[below] + up_to_[below]);
    const double least = below > 0 ? up_to_[below - 1] : 0, most = below < values_.size() ? below_[below] : 1;
    return 0.5 * (least + most);
  }

 private:
  std::vector<double> values_, below_, up_to_;
};

}  // namespace

std::vector<uint32_t> crossing_counts(const Crossing& crossing, int8_t which) {
  return by_record_or_person<uint32_t>(crossing, {},
                                       [which](uint32_t* sums, const double*, const int8_t* sides, size_t count) {
                                         for (size_t i = 0; i < count; ++i) sums[i] += sides[i] == which;
                                       });
}

std::vector<uint32_t> crossing_counts_past(const Crossing& crossing, int8_t which, double threshold, bool strict) {
  const auto count_where = [&](const auto& is_past) {
    return by_record_or_person<uint32_t>(
        crossing, {}, [&](uint32_t* sums, const double* scores, const int8_t* sides, size_t count) {
          for (size_t i = 0; i < count; ++i)
            sums[i] += static_cast<uint32_t>(sides[i] == which) & static_cast<uint32_t>(is_past(scores[i]));
        });
  };
  if (strict) return count_where([threshold](double score) { return score > threshold; });
  return count_where([threshold](double score) { return score >= threshold; });
}

CrossingPlacements crossing_placements(const Crossing& crossing, int8_t which, const std::vector<double>& others,
                                       double towards, double mean, const Context& context) {
  struct Sums {
    double first = 0, second = 0;
    void operator+=(const Sums& other) { first += other.first, second += other.second; }
  };
  const Knots knots(others);
  const auto found = by_record_or_person<Sums>(
      crossing, context, [&](Sums* sums, const double* scores, const int8_t* sides, size_t count) {
        std::array<size_t, kCrossingRun> below;
        count_below(knots.values(), std::span(scores, count), below);
        for (size_t i = 0; i < count; ++i) {
          const double share = knots.placement(scores[i], below[i]);
          const double deviation = (towards > 0 ? share : 1 - share) - mean;
          // No branch: which side comes next cannot be predicted.
          const double own = sides[i] == which ? deviation : 0;
          sums[i].first += own;
          sums[i].second += own * own;
        }
      });
  CrossingPlacements placements;
  for (const Sums& sum : found) {
    placements.sums.push_back(sum.first);
    placements.squares += sum.second;
  }
  return placements;
}

size_t crossing_stride(size_t scores) {
  constexpr size_t kEnough = size_t{1} << 21;
  return std::max<size_t>(1, scores / kEnough);
}

}  // namespace miaudit
