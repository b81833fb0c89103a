#include "miaudit/metric/exposure.h"

#include <algorithm>
#include <cmath>

#include "miaudit/base/parallel.h"
#include "miaudit/math/distributions.h"
#include "miaudit/metric/interval.h"

namespace miaudit {
namespace {

constexpr size_t kLeastNull = 3;

/// What one record's scores under targets that left it out say of a further one.
struct Null {
  double count = 0, sum = 0, squares = 0;

  void add(double deviation, double times) {
    count += times;
    sum += times * deviation;
    squares += times * deviation * deviation;
  }
  double mean() const { return sum / count; }
  double deviation() const { return std::sqrt(std::max(0.0, squares - sum * sum / count) / (count - 1)); }
};

/// Verdicts of the rule as scores: 1 accused, 0 not.
struct Verdicts {
  std::vector<double> plain, corrected;
  std::vector<int8_t> membership;  ///< −1 where none can be given
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

  void judge(size_t i, Verdicts& verdicts) const {
    double centre = 0, outside = 0, inside = 0, member_sum = 0;
    for (size_t t = 0; t < targets_; ++t) {
      if (side(t, i) == 0) centre += score(t, i), ++outside;
      if (side(t, i) == 1) member_sum += score(t, i), ++inside;
    }
    if (outside < static_cast<double>(kLeastNull)) return;
    centre /= outside;
    Null all;
    for (size_t t = 0; t < targets_; ++t)
      if (side(t, i) == 0) all.add(score(t, i) - centre, 1);
    const double nearer = 1 - std::sqrt(1 - inside / (inside + outside));
    for (size_t t = 0; t < targets_; ++t) {
      if (side(t, i) < 0) continue;
      Null others = all;
      for (const size_t u : relatives_[t])
        if (side(u, i) == 0) others.add(score(u, i) - centre, -1);
      if (others.count < static_cast<double>(kLeastNull)) continue;
      const double spread = others.deviation();
      const double limit = others.mean() + limits_[static_cast<size_t>(others.count)] * spread;
      const double own = score(t, i) - centre;
      const double taken = side(t, i) == 1 ? nearer * (member_sum / inside - centre - others.mean()) : 0;
      const size_t place = t * this->all_.records + i;
      verdicts.plain[place] = spread > 0 && own > limit;
      verdicts.corrected[place] = spread > 0 && own - taken > limit;
      verdicts.membership[place] = side(t, i);
    }
  }

 private:
  int8_t side(size_t t, size_t i) const { return all_.membership[t * all_.records + i]; }
  double score(size_t t, size_t i) const { return all_.scores[t * all_.records + i]; }

  const TargetedScores& all_;
  size_t targets_;
  std::vector<double> limits_;                  ///< by how many scores the null has
  std::vector<std::vector<size_t>> relatives_;  ///< of each target, itself among them
};

bool is_more_exposed(const RecordExposure& a, const RecordExposure& b) {
  for (size_t f = a.found.size(); f-- > 0;) {
    const double own = static_cast<double>(a.found[f]) * b.trained, other = static_cast<double>(b.found[f]) * a.trained;
    if (own != other) return own > other;
  }
  if (a.separation != b.separation) return a.separation > b.separation;
  return a.record < b.record;
}

}  // namespace

std::vector<RecordExposure> record_exposures(const TargetedScores& all,
                                             std::span<const std::optional<double>> thresholds) {
  std::vector<RecordExposure> exposures;
  for (size_t i = 0; i < all.records; ++i) {
    RecordExposure exposure{i, 0, std::vector<uint32_t>(thresholds.size()), 0};
    double sums[2] = {0, 0}, counts[2] = {0, 0};
    for (size_t k = i; k < all.scores.size(); k += all.records) {
      if (all.membership[k] < 0) continue;
      sums[all.membership[k]] += all.scores[k];
      ++counts[all.membership[k]];
      if (all.membership[k] == 0) continue;
      for (size_t f = 0; f < thresholds.size(); ++f)
        exposure.found[f] += thresholds[f] && all.scores[k] >= *thresholds[f];
    }
    if (counts[1] == 0) continue;
    exposure.trained = static_cast<uint32_t>(counts[1]);
    exposure.separation = sums[1] / counts[1] - (counts[0] > 0 ? sums[0] / counts[0] : 0);
    exposures.push_back(std::move(exposure));
  }
  std::ranges::sort(exposures, is_more_exposed);
  return exposures;
}

std::optional<PerRecordRates> per_record_rates(const TargetedScores& all, double fpr, double level,
                                               const Context& context) {
  Verdicts verdicts{std::vector<double>(all.scores.size()), std::vector<double>(all.scores.size()),
                    std::vector<int8_t>(all.scores.size(), -1)};
  const Rule rule(all, fpr);
  constexpr size_t kBlock = 256;
  parallel_blocks(all.records, kBlock, context, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) rule.judge(i, verdicts);
  });
  for (const int8_t which : {int8_t{0}, int8_t{1}})
    if (std::ranges::find(verdicts.membership, which) == verdicts.membership.end()) return {};
  std::vector<int64_t> families(all.scores.size());
  PerRecordRates rates;
  for (size_t k = 0; k < families.size(); ++k) families[k] = all.families[k / all.records];
  for (size_t i = 0; i < all.records; ++i) {
    bool is_judged = false;
    for (size_t k = i; k < verdicts.membership.size(); k += all.records) is_judged |= verdicts.membership[k] >= 0;
    rates.records += is_judged;
  }
  const auto shares = [&](const std::vector<double>& accused, Estimate& of_members, Estimate& of_nonmembers) {
    const PartedGroups parted({accused, verdicts.membership, families, 1, all.records}, context);
    of_members = share_estimate(parted, 1, 0.5, level);
    of_nonmembers = share_estimate(parted, 0, 0.5, level);
  };
  shares(verdicts.plain, rates.tpr, rates.fpr);
  Estimate same;
  shares(verdicts.corrected, rates.corrected_tpr, same);
  return rates;
}

}  // namespace miaudit
