#pragma once

#include "miaudit/metric/estimate.h"
#include "miaudit/metric/roc.h"

namespace miaudit {

/// How far above a distribution function its empirical one may lie anywhere, but for probability alpha <= 1/2, with n
/// independent records (Dvoretzky, Kiefer & Wolfowitz with Massart's constant, 1990, doi:10.1214/aop/1176990746). n may
/// be an effective count.
double dkw_margin(double n, double alpha);

/// TPR − FPR at a threshold fixed beforehand: lower limit, but for probability 2·alpha. worth: how many independent
/// records a member and a non-member count for.
struct Worth {
  double member = 1;
  double nonmember = 1;
};
double advantage_lower_limit(const SortedScores& judged, double threshold, double alpha, Worth worth);

/// The same interval for ½ + ½ advantage.
Estimate as_balanced_accuracy(Estimate advantage);

}  // namespace miaudit
