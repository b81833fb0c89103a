#include "miaudit/metric/crossing.h"

#include <algorithm>

#include "miaudit/base/parallel.h"

namespace miaudit {
namespace {

/// So many records at a time that their sums stay in the first cache.
constexpr size_t kBlock = 1024;

template <class Sum, class Add>
std::vector<Sum> by_record(const Crossing& crossing, const Context& context, const Add& add) {
  std::vector<Sum> sums(crossing.records);
  parallel_blocks(crossing.records, kBlock, context, [&](size_t begin, size_t end) {
    for (size_t m = 0; m < crossing.models.size(); ++m) {
      if (!crossing.models[m]) continue;
      const double* scores = crossing.scores.data() + m * crossing.records;
      const int8_t* membership = crossing.membership.data() + m * crossing.records;
      for (size_t i = begin; i < end; ++i) add(sums[i], scores[i], membership[i]);
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

std::vector<double> crossing_placements(const Crossing& crossing, int8_t which, const std::vector<double>& others,
                                        double towards, double mean, const Context& context) {
  const Knots knots(others);
  return by_record<double>(crossing, context, [&, which, towards, mean](double& sum, double score, int8_t side) {
    if (side != which) return;
    const double share = knots.placement(score);
    sum += (towards > 0 ? share : 1 - share) - mean;
  });
}

}  // namespace miaudit
