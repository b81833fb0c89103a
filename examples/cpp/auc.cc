// The AUC of scores, with its interval: three members and two non-members make six pairs, 4 won, 1 tied, 1 lost.
#include <cstdint>
#include <cstdio>
#include <vector>

#include "miaudit/base/version.h"
#include "miaudit/metric/interval.h"
#include "miaudit/metric/roc.h"

int main() {
  const std::vector<double> scores = {3.0, 2.0, 0.0, 2.0, -1.0};
  const std::vector<int8_t> membership = {1, 1, 1, 0, 0};
  const miaudit::Context context;
  const auto auc = miaudit::auc_estimate(miaudit::sort_scores(scores, membership, context), 0.95, context);
  std::printf("miaudit %s: AUC %.2f [%.2f, %.2f]\n", miaudit::version(), *auc.value, *auc.low, *auc.high);
}
