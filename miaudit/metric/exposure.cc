#include "miaudit/metric/exposure.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "miaudit/base/parallel.h"
#include "miaudit/math/distributions.h"
#include "miaudit/metric/interval.h"

namespace miaudit {
namespace {

constexpr size_t kLeastNull = 3;

/// What one record's scores under targets that left it out say of a further one. Kept as deviations from one of them,
/// so that scores that are all alike deviate by exactly nothing.
struct Null {
  double centre = 0, count = 0, sum = 0, squares = 0;

  void add(double score, double times) {
    count += times;
    sum += times * (score - centre);
    squares += times * (score - centre) * (score - centre);
  }
  double mean() const { return centre + sum / count; }
  double spread() const { return std::max(0.0, squares - sum * sum / count); }
  double deviation() const { return std::sqrt(spread() / (count - 1)); }
};

/// Of more scores than this, rates are those of records spread evenly over all.
constexpr size_t kMostScores = size_t{1} << 21;
/// Of a record whose scores are all alike.
constexpr double kNever = -1e300;
constexpr double kRounding = 1e-6;

/// Scores in units of each record's own limit.
struct Standardised {
  std::vector<double> plain, corrected;
  std::vector<int8_t> membership;  ///< −1 where there are too few to tell
};

class Rule {
 public:
  Rule(const TargetedScores& all, double fpr) : all_(all), targets_(all.families.size()) {
    limits_.resize(targets_ + 1);
    for (size_t k = kLeastNull; k < limits_.size(); ++k) {
      const double n = static_cast<double>(k);
      limits_[k] = student_t_quantile(n - 1, 1 - fpr) * std::sqrt(1 + 1 / n);
    }
    for (size_t t = 0; t < targets_; ++t) {
      relatives_.emplace_back();
      for (size_t u = 0; u < targets_; ++u)
        if (all.families[u] == all.families[t]) relatives_[t].push_back(u);
    }
  }

  /// kept: how many records are judged, of which record i is the j-th.
  void judge(size_t i, size_t j, size_t kept, Standardised& standardised) const {
    double inside = 0, member_sum = 0;
    for (size_t t = 0; t < targets_; ++t)
      if (side(t, i) == 1) member_sum += score(t, i), ++inside;
    const Null null = null_of(i, {});
    if (null.count < static_cast<double>(kLeastNull)) return;
    const double nearer = 1 - std::sqrt(1 - inside / (inside + null.count));
    for (size_t t = 0; t < targets_; ++t) {
      if (side(t, i) < 0) continue;
      Null others = null;
      for (const size_t u : relatives_[t])
        if (side(u, i) == 0) others.add(score(u, i), -1);
      if (others.count < static_cast<double>(kLeastNull)) continue;
      // Of so small a rest most is rounding.
      if (others.spread() <= kRounding * null.squares) others = null_of(i, relatives_[t]);
      const double unit = others.deviation() * limits_[static_cast<size_t>(others.count)];
      const double own = score(t, i) - others.mean();
      const double taken = side(t, i) == 1 ? nearer * (member_sum / inside - others.mean()) : 0;
      const size_t place = t * kept + j;
      standardised.plain[place] = unit > 0 ? own / unit : kNever;
      standardised.corrected[place] = unit > 0 ? (own - taken) / unit : kNever;
      standardised.membership[place] = side(t, i);
    }
  }

 private:
  int8_t side(size_t t, size_t i) const { return all_.membership[t * all_.records + i]; }
  double score(size_t t, size_t i) const { return all_.scores[t * all_.records + i]; }
  Null null_of(size_t i, const std::vector<size_t>& left_out) const {
    Null null;
    for (size_t t = 0; t < targets_; ++t) {
      if (side(t, i) != 0 || std::ranges::find(left_out, t) != left_out.end()) continue;
      if (null.count == 0) null.centre = score(t, i);
      null.add(score(t, i), 1);
    }
    return null;
  }

  const TargetedScores& all_;
  size_t targets_;
  std::vector<double> limits_;                  ///< by how many scores the null has
  std::vector<std::vector<size_t>> relatives_;  ///< of each target, itself among them
};

/// How often a record is surely found: once of once says less than nine times of ten.
class SureShare {
 public:
  explicit SureShare(const std::vector<RecordExposure>& exposures) {
    for (const RecordExposure& own : exposures) {
      if (own.trained >= lowest_.size()) lowest_.resize(own.trained + size_t{1});
      std::vector<double>& of_trained = lowest_[own.trained];
      for (uint32_t found = static_cast<uint32_t>(of_trained.size()); found <= own.trained; ++found)
        of_trained.push_back(clopper_pearson_lower(found, own.trained, kAlpha));
    }
  }
  double of(uint32_t found, uint32_t trained) const { return lowest_[trained][found]; }

 private:
  static constexpr double kAlpha = 0.025;
  std::vector<std::vector<double>> lowest_;  ///< [trained][found], for those that occur
};

/// Negative where a is the more exposed, 0 where nothing tells them apart.
double compare(const RecordExposure& a, const RecordExposure& b, const SureShare& share) {
  for (size_t f = a.found.size(); f-- > 0;) {
    const double own = share.of(a.found[f], a.trained), other = share.of(b.found[f], b.trained);
    if (own != other) return other - own;
  }
  return a.separation == b.separation ? 0 : a.separation > b.separation ? -1 : 1;
}

/// Of exposures in order.
void rank(std::vector<RecordExposure>& exposures, const SureShare& share) {
  for (size_t begin = 0, end = 0; begin < exposures.size(); begin = end) {
    while (end < exposures.size() && compare(exposures[begin], exposures[end], share) == 0) ++end;
    for (size_t k = begin; k < end; ++k) exposures[k].rank = 0.5 * static_cast<double>(begin + 1 + end);
  }
}

}  // namespace

std::vector<RecordExposure> record_exposures(const TargetedScores& all,
                                             std::span<const std::optional<double>> thresholds,
                                             const Context& context) {
  struct Counts {
    double sums[2] = {0, 0}, counts[2] = {0, 0};
  };
  std::vector<RecordExposure> exposures(all.records);
  // A few records at a time, so that scores are read in the order that they lie in.
  constexpr size_t kBlock = 512;
  parallel_blocks(all.records, kBlock, context, [&](size_t begin, size_t end) {
    const size_t size = end - begin;
    std::vector<Counts> counts(size);
    std::vector<uint32_t> found(thresholds.size() * size);  // [thresholds][records]
    for (size_t row = begin; row < all.scores.size(); row += all.records) {
      const double* const scores = all.scores.data() + row;
      const int8_t* const sides = all.membership.data() + row;
      for (size_t i = 0; i < size; ++i) {
        // No branch: which side comes next cannot be predicted.
        for (const int side : {0, 1}) {
          counts[i].sums[side] += sides[i] == side ? scores[i] : 0;
          counts[i].counts[side] += sides[i] == side;
        }
      }
      for (size_t f = 0; f < thresholds.size(); ++f)
        for (size_t i = 0; i < size && thresholds[f]; ++i)
          found[f * size + i] +=
              static_cast<uint32_t>(sides[i] == 1) & static_cast<uint32_t>(scores[i] >= *thresholds[f]);
    }
    for (size_t i = 0; i < size; ++i) {
      const auto& [sums, of] = counts[i];
      RecordExposure& own = exposures[begin + i];
      own.record = begin + i;
      own.trained = static_cast<uint32_t>(of[1]);
      for (size_t f = 0; f < thresholds.size(); ++f) own.found.push_back(found[f * size + i]);
      own.separation = of[1] > 0 ? sums[1] / of[1] - (of[0] > 0 ? sums[0] / of[0] : 0) : 0;
    }
  });
  std::erase_if(exposures, [](const RecordExposure& own) { return own.trained == 0; });
  const SureShare share(exposures);
  std::ranges::stable_sort(exposures, [&](const auto& a, const auto& b) { return compare(a, b, share) < 0; });
  rank(exposures, share);
  return exposures;
}

std::vector<RecordExposure> most_exposed_of_one(const TargetedScores& one,
                                                std::span<const std::optional<double>> thresholds, size_t most) {
  std::vector<double> scores;
  for (size_t i = 0; i < one.records; ++i)
    if (one.membership[i] == 1) scores.push_back(one.scores[i]);
  most = std::min(most, scores.size());
  if (most == 0) return {};
  std::ranges::nth_element(scores, scores.begin() + static_cast<ptrdiff_t>(most) - 1, std::greater());
  const double last = scores[most - 1];
  const auto above = static_cast<size_t>(std::ranges::count_if(scores, [&](double score) { return score > last; }));
  const auto alike = static_cast<size_t>(std::ranges::count(scores, last));
  std::vector<RecordExposure> exposures;
  for (size_t i = 0, left = most - above; i < one.records; ++i) {
    const double score = one.scores[i];
    if (one.membership[i] != 1 || score < last || (score == last && left == 0)) continue;
    left -= score == last;
    RecordExposure& own = exposures.emplace_back(RecordExposure{i, 1, {}, score, 0});
    for (const auto& threshold : thresholds) own.found.push_back(threshold && score >= *threshold);
  }
  std::ranges::stable_sort(exposures, std::greater(), &RecordExposure::separation);
  rank(exposures, SureShare(exposures));
  // Some that nothing tells from the last may not be among them.
  for (size_t k = above; k < most; ++k)
    exposures[k].rank = static_cast<double>(above) + 0.5 * (1.0 + static_cast<double>(alike));
  return exposures;
}

std::optional<PerRecordRates> per_record_rates(const TargetedScores& all, double fpr, double level, uint64_t seed,
                                               const Context& context) {
  const size_t targets = all.families.size();
  const size_t kept = std::min(all.records, std::max<size_t>(1, kMostScores / targets));
  Standardised scores{std::vector<double>(targets * kept), std::vector<double>(targets * kept),
                      std::vector<int8_t>(targets * kept, -1)};
  const Rule rule(all, fpr);
  constexpr size_t kBlock = 256;
  parallel_blocks(kept, kBlock, context, [&](size_t begin, size_t end) {
    for (size_t j = begin; j < end; ++j) rule.judge(j * all.records / kept, j, kept, scores);
  });
  for (const int8_t which : {int8_t{0}, int8_t{1}})
    if (std::ranges::find(scores.membership, which) == scores.membership.end()) return {};
  PerRecordRates rates;
  for (size_t j = 0; j < kept; ++j) {
    bool is_judged = false;
    for (size_t k = j; k < scores.membership.size(); k += kept) is_judged |= scores.membership[k] >= 0;
    rates.records += is_judged;
  }
  const auto tpr = [&](const std::vector<double>& standardised) {
    const PartedGroups grouped({standardised, scores.membership, all.families, 1, kept}, context);
    return tpr_at_fpr_estimates(grouped, fpr, std::span(&level, 1), {.seed = seed}, context).front();
  };
  rates.tpr = tpr(scores.plain);
  rates.corrected_tpr = tpr(scores.corrected);
  return rates;
}

}  // namespace miaudit
