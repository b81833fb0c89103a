#pragma once

#include "miaudit/metric/estimate.h"
#include "miaudit/metric/roc.h"

namespace miaudit {

/// How far above a distribution function its empirical one may lie anywhere, but for probability alpha <= 1/2, with n
/// independent records (Dvoretzky, Kiefer & Wolfowitz with Massart's constant, 1990, doi:10.1214/aop/1176990746). n may
/// be an effective count.
double dkw_margin(double n, double alpha);

/// How many of a side's scores are past a threshold, and how many independent records each of them counts for.
struct SidePast {
  double past = 0;
  double scores = 0;
  double worth = 1;
};
/// TPR − FPR at a threshold fixed beforehand: lower limit, but for probability 2·alpha.
double advantage_lower_limit(const SidePast& members, const SidePast& nonmembers, double alpha);

/// The same interval for ½ + ½ advantage.
Estimate as_balanced_accuracy(Estimate advantage);

}  // namespace miaudit
