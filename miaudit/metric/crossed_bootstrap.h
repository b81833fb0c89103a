#pragma once

#include <cstdint>
#include <optional>

#include "miaudit/base/context.h"
#include "miaudit/metric/estimate.h"
#include "miaudit/metric/interval.h"

namespace miaudit {

/// A rate over records and models that cross, and its variance with other families of models and other records.
struct CrossedRate {
  double rate;
  double variance;
  double degrees;  ///< of freedom, of the variance (Satterthwaite 1946)
};

/// TPR at FPR <= fpr over scores [models][records], the threshold chosen anew in each resample. Three bootstraps of
/// resamples.count each: of whole families of models, of records (or the people whose they are) under all models,
/// and of single scores; the variance is that of the first two, less that of the third, which both hold (Cameron,
/// Gelbach & Miller 2011, doi:10.1198/jbes.2010.07136). Nothing where there is too little to draw from: fewer than 4
/// families or 20 records or people of even size on a side; past the threshold either side's scores of fewer than 5
/// records or people, or of fewer than three quarters of the families (of one size); fewer than 5 members missed; a
/// variance of families more than three times that of single scores. Nor where a tie of more non-members than a tenth
/// of those that may be accused lies at the threshold, from which it then jumps. Cost: O(scores) once, then 3 ·
/// resamples · (scores past the threshold + records).
std::optional<CrossedRate> bootstrap_tpr_at_fpr(const PartedGroups& crossed, double fpr, const Resamples& resamples,
                                                const Context& context);

/// Clopper–Pearson with as many records as the variance stands for, fewer by Student's t (Korn & Graubard 1998).
Estimate crossed_rate_estimate(const CrossedRate& rate, double level);

}  // namespace miaudit
