#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "miaudit/base/context.h"
#include "miaudit/metric/estimate.h"
#include "miaudit/metric/roc.h"

namespace miaudit {

/// Every interval is two-sided at `level` in (0, 1) and speaks of this model and of records like these, not of
/// retraining. `seed` fixes the split or the resampling where there is one.

/// AUC. Clopper–Pearson limits with the effective number of pairs that DeLong's variance stands for, steadied where few
/// records carry it; exact at AUC 0 and 1. Asymptotically exact, conservative for few records (auc_interval.h has the
/// method and its simulated coverage). O(n).
Estimate auc_estimate(const SortedScores& sorted, double level, const Context& context);
/// The same at several levels, at the cost of one.
std::vector<Estimate> auc_estimates(const SortedScores& sorted, std::span<const double> levels, const Context& context);

/// TPR at FPR <= fpr; covers the true ROC curve at fpr, threshold uncertainty included (methods.md §5).
/// fpr in (0, 1). Below 1/(non-members) the value is empty and only the bounds stand. Conservative, ties included.
Estimate tpr_at_fpr_estimate(const SortedScores& sorted, double fpr, double level);
/// Clopper–Pearson at the realised threshold as if it had been fixed beforehand: for comparison with other tools only.
Estimate tpr_given_threshold_estimate(const SortedScores& sorted, double fpr, double level);

/// Largest TPR − FPR over thresholds. Low: the threshold is chosen on one half and judged on the other; high: DKW band
/// (Massart 1990). Conservative.
Estimate advantage_estimate(const SortedScores& sorted, double level, uint64_t seed);
/// The same at several levels, at the cost of one.
std::vector<Estimate> advantage_estimates(const SortedScores& sorted, std::span<const double> levels, uint64_t seed);
/// ½ + ½ advantage.
Estimate balanced_accuracy_estimate(const SortedScores& sorted, double level, uint64_t seed);

/// Share of members among those called members at this FPR, were members a share `prior` of all, in (0, 1); from the
/// TPR's estimate.
Estimate precision_estimate(const Estimate& tpr, double fpr, double prior);

/// k of n, exact (Clopper & Pearson 1934). n = 0 gives an empty value and [0, 1].
Estimate proportion_estimate(uint64_t k, uint64_t n, double level);

/// A ROC statistic for the bootstrap.
using RocStatistic = std::function<double(const SortedScores&)>;
/// BCa bootstrap (Efron 1987, doi:10.2307/2289144), members and non-members resampled apart; `replicates` >= 200.
/// Second-order correct, no more than that for few records; no bounds where all resamples agree, as at perfect order.
/// Cost: replicates + up to 400 evaluations of the statistic, each on as many records. The statistic is called from
/// several threads at once.
Estimate bca_estimate(const SortedScores& sorted, const RocStatistic& statistic, double level, uint32_t replicates,
                      uint64_t seed, const Context& context);

/// The records of one person (group) are not independent. Groups have any ids.
struct GroupedScores {
  std::span<const double> scores;
  std::span<const int8_t> membership;  ///< 1, 0, −1 = unknown, left out
  std::span<const int64_t> groups;     ///< Of each score; with `records`, of each model.
  double worth = 1;                    ///< As SortedScores::worth, beside what the groups take.
  /// Where scores are [models][records] and groups are of whole models: how many records, which then resemble
  /// themselves under all models; intervals respect both. 0: nothing crosses the groups. The spans must then outlive
  /// what is made of them.
  size_t records = 0;
  std::span<const int64_t> people = {};  ///< With `records`: whose each is, who then cross in their place; or empty.
};
/// The same parted by truth and sorted, for several figures.
class PartedGroups {
 public:
  PartedGroups(const GroupedScores& grouped, const Context& context);
  ~PartedGroups();
  PartedGroups(PartedGroups&&) noexcept;
  struct Parts;
  const Parts& parts() const { return *parts_; }
  const SortedScores& sorted() const;

 private:
  std::unique_ptr<const Parts> parts_;
};
/// AUC with Obuchowski's clustered variance (1997, doi:10.2307/2533958) and Student's quantile by number of groups,
/// otherwise as above; where records cross groups, with that of both (Cameron, Gelbach & Miller 2011,
/// doi:10.1198/jbes.2010.07136). A group may hold members and non-members. O(n log n).
std::vector<Estimate> auc_estimates(const PartedGroups& grouped, std::span<const double> levels,
                                    const Context& context);
Estimate auc_estimate(const GroupedScores& grouped, double level, const Context& context);
/// The order-statistic interval with effective counts: each side's count divided by its design effect (Korn & Graubard
/// 1998). Where fewer than 10 groups lie on either side of the threshold, that is the larger of the one there and of
/// the one at the nearest threshold with 5 scores a group on both sides; with fewer than 4 groups, or fewer scores,
/// scores of a group count as copies.
Estimate tpr_at_fpr_estimate(const PartedGroups& grouped, double fpr, double level);
Estimate tpr_at_fpr_estimate(const GroupedScores& grouped, double fpr, double level, const Context& context);
/// Of a bootstrap.
struct Resamples {
  uint32_t count = 400;  ///< >= 200. From seed to seed 400 vary the ends by a few per cent of an interval's width.
  uint64_t seed = 0;
};
/// The same at several levels: where records cross groups and there is enough to draw from, by a bootstrap of groups
/// and of records (crossed_bootstrap.h), which is sharper.
std::vector<Estimate> tpr_at_fpr_estimates(const PartedGroups& grouped, double fpr, std::span<const double> levels,
                                           const Resamples& resamples, const Context& context);
/// Share of one side's scores (`which`: 1 members, 0 non-members) that are >= a threshold fixed beforehand:
/// Clopper–Pearson with effective counts, as above.
Estimate share_estimate(const PartedGroups& grouped, int8_t which, double threshold, double level);
/// Groups stay whole in the split; the band counts a group's records as copies of each other.
std::vector<Estimate> advantage_estimates(const PartedGroups& grouped, std::span<const double> levels, uint64_t seed,
                                          const Context& context);
Estimate advantage_estimate(const GroupedScores& grouped, double level, uint64_t seed, const Context& context);
Estimate balanced_accuracy_estimate(const GroupedScores& grouped, double level, uint64_t seed, const Context& context);

/// Two scores of the same records.
struct PairedScores {
  std::span<const double> a, b;
  std::span<const int8_t> membership;    ///< 1, 0, −1 = unknown, left out
  std::span<const int64_t> groups = {};  ///< Whose each record is, or empty.
};
/// a − b. AUC: the two intervals joined by DeLong's correlation (MOVER, Zou & Donner 2008, doi:10.1002/sim.3095), with
/// groups by that of sums over groups (of scores that are the same: 0, surely); it is paired DeLong for many records
/// and holds for few. Anything else by a paired bootstrap of records or whole groups (percentile; no bounds where all
/// resamples agree, or with fewer than 20 groups of either side).
Estimate auc_difference(const PairedScores& pair, double level, const Context& context);
Estimate statistic_difference(const PairedScores& pair, const RocStatistic& statistic, double level,
                              uint32_t replicates, uint64_t seed, const Context& context);

/// AUC of the scores under a random permutation of the known membership: a check of the machinery, its interval must
/// hold 0.5.
Estimate permutation_null(std::span<const double> scores, std::span<const int8_t> membership, double level,
                          uint64_t seed, const Context& context);

}  // namespace miaudit
