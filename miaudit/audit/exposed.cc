#include "miaudit/audit/exposed.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "miaudit/metric/exposure.h"
#include "miaudit/metric/interval.h"

namespace miaudit {
namespace {

/// Places of the FPRs, the strictest last.
std::vector<size_t> by_strictness(const std::vector<RateAtFpr>& rates) {
  std::vector<size_t> order(rates.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return rates[a].fpr > rates[b].fpr; });
  return order;
}

/// Intervals of k of n, of which few differ.
class Shares {
 public:
  explicit Shares(double level) : level_(level) {}
  FoundShare of(uint32_t found, uint32_t trained) {
    auto [place, is_new] = known_.try_emplace({found, trained});
    if (is_new) {
      const Estimate share = proportion_estimate(found, trained, level_);
      place->second = {found, *share.low, *share.high};
    }
    return place->second;
  }

 private:
  double level_;
  std::map<std::pair<uint32_t, uint32_t>, FoundShare> known_;
};

}  // namespace

std::optional<Exposure> exposure_of(const AttackResult& attack, const ScoredRecords& scored, const Trial& trial,
                                    const MeasureOptions& options, const Context& context) {
  const std::vector<RateAtFpr>& rates = attack.estimates.tpr_at_fpr;
  const std::vector<size_t> order = by_strictness(rates);
  std::vector<std::optional<double>> thresholds;
  for (const size_t f : order) {
    const bool is_known = rates[f].tpr.value && rates[f].threshold;
    thresholds.push_back(is_known ? rates[f].threshold : std::optional<double>());
  }
  const size_t targets = trial.targets.size(), records = scored.scores.size() / targets;
  const bool is_any = std::ranges::any_of(thresholds, [](const auto& threshold) { return threshold.has_value(); });
  const bool is_one = targets == 1;
  if (is_one && !is_any) return {};

  std::vector<int64_t> families(targets);
  for (size_t t = 0; t < targets; ++t) families[t] = trial.crossing > 0 ? trial.groups[t] : 0;
  const TargetedScores all{scored.scores, scored.membership, records, families};
  Exposure exposure;
  exposure.attack = attack.name;
  for (const RateAtFpr& rate : rates) {
    ExposureRate& own = exposure.rates.emplace_back();
    own.fpr = rate.fpr;
    if (is_one) continue;
    if (const auto per_record = per_record_rates(all, rate.fpr, options.level, options.seed, context))
      own.per_record = PerRecordFigures{per_record->tpr, per_record->corrected_tpr, per_record->records};
  }
  Shares shares(options.level);
  for (const RecordExposure& record :
       is_one ? most_exposed_of_one(all, thresholds, Exposure::kShown) : record_exposures(all, thresholds, context)) {
    ExposedRecord& own = exposure.records.emplace_back();
    own.record = record.record;
    own.trained = record.trained;
    own.separation = record.separation;
    own.rank = record.rank;
    own.found.resize(rates.size());
    for (size_t k = 0; k < order.size(); ++k) {
      own.found[order[k]] = shares.of(record.found[k], record.trained);
      if (is_one) continue;
      exposure.rates[order[k]].found_by_half += 2 * record.found[k] >= record.trained;
      exposure.rates[order[k]].found_ever += record.found[k] > 0;
    }
  }
  exposure.trained = exposure.records.size();
  if (!is_one) return exposure;
  exposure.trained = static_cast<uint64_t>(std::ranges::count(scored.membership, 1));
  for (size_t k = 0; k < order.size(); ++k) {
    ExposureRate& rate = exposure.rates[order[k]];
    for (size_t i = 0; i < records && thresholds[k]; ++i)
      rate.found_ever += scored.membership[i] == 1 && scored.scores[i] >= *thresholds[k];
    rate.found_by_half = rate.found_ever;
  }
  return exposure;
}

}  // namespace miaudit
