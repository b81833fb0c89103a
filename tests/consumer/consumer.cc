// Three members and two non-members, one tie: the AUC is (6 pairs: 4 won, 1 tied, 1 lost) 4.5 / 6.
#include <cstdint>
#include <cstdio>
#include <vector>

#include "miaudit/base/version.h"
#include "miaudit/metric/roc.h"

int main() {
  const std::vector<double> scores = {3.0, 2.0, 0.0, 2.0, -1.0};
  const std::vector<int8_t> membership = {1, 1, 1, 0, 0};
  const miaudit::Context context;
  const auto auc = miaudit::auc_moments(miaudit::sort_scores(scores, membership, context), context).auc;
  std::printf("miaudit %s: AUC %.2f\n", miaudit::version(), auc);
  return auc == 0.75 ? 0 : 1;
}
