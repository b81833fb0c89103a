#include "miaudit/metric/crossing.h"

#include <algorithm>

#include "miaudit/base/parallel.h"

namespace miaudit {
namespace {

/// Records that are looked at together.
constexpr size_t kRun = 64;

template <class Sum, class Add>
std::vector<Sum> by_record(const Crossing& crossing, const Context& context, const Add& add) {
  const size_t step = kRun * crossing.stride, runs = (crossing.records + step - 1) / step;
  const size_t last = std::min(kRun, crossing.records - (runs - 1) * step);
  std::vector<Sum> sums((runs - 1) * kRun + last);
  // So many runs at a time that their sums stay in the first cache.
  parallel_blocks(runs, 16, context, [&](size_t begin, size_t end) {
    for (size_t m = 0; m < crossing.models.size(); ++m) {
      if (!crossing.models[m]) continue;
      for (size_t run = begin; run < end; ++run) {
        const size_t first = m * crossing.records + run * step;
        const double* scores = crossing.scores.data() + first;
        const int8_t* membership = crossing.membership.data() + first;
        Sum* own = sums.data() + run * kRun;
        for (size_t i = 0; i < (run + 1 < runs ? kRun : last); ++i) add(own[i], scores[i], membership[i]);
      }
    }
  });
  return sums;
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
  double placement(double value) const {
    const size_t k = static_cast<size_t>(std::ranges::lower_bound(values_, value) - values_.begin());
    if (k < values_.size() && values_[k] == value) return 0.5 * (below_[k] + up_to_[k]);
    const double least = k > 0 ? up_to_[k - 1] : 0, most = k < values_.size() ? below_[k] : 1;
    return 0.5 * (least + most);
  }

 private:
  std::vector<double> values_, below_, up_to_;
};

}  // namespace

std::vector<uint32_t> crossing_counts(const Crossing& crossing, int8_t which) {
  return by_record<uint32_t>(crossing, {}, [which](uint32_t& sum, double, int8_t side) { sum += side == which; });
}

std::vector<uint32_t> crossing_counts_past(const Crossing& crossing, int8_t which, double threshold, bool strict) {
  if (strict)
    return by_record<uint32_t>(crossing, {}, [=](uint32_t& sum, double score, int8_t side) {
      sum += static_cast<uint32_t>(side == which) & static_cast<uint32_t>(score > threshold);
    });
  return by_record<uint32_t>(crossing, {}, [=](uint32_t& sum, double score, int8_t side) {
    sum += static_cast<uint32_t>(side == which) & static_cast<uint32_t>(score >= threshold);
  });
}

CrossingPlacements crossing_placements(const Crossing& crossing, int8_t which, const std::vector<double>& others,
                                       double towards, double mean, const Context& context) {
  struct Sums {
    double first = 0, second = 0;
  };
  const Knots knots(others);
  const auto found =
      by_record<Sums>(crossing, context, [&, which, towards, mean](Sums& sum, double score, int8_t side) {
        if (side != which) return;
        const double share = knots.placement(score);
        const double deviation = (towards > 0 ? share : 1 - share) - mean;
        sum.first += deviation;
        sum.second += deviation * deviation;
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
