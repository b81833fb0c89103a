#include "miaudit/base/rng.h"
#include "miaudit/metric/interval.h"

namespace miaudit {

Estimate permutation_null(std::span<const double> scores, std::span<const int8_t> membership, double level,
                          uint64_t seed, const Context& context) {
  std::vector<int8_t> known;
  for (const int8_t value : membership)
    if (value != -1) known.push_back(value);
  Rng(seed).shuffle(std::span(known));
  std::vector<int8_t> permuted(membership.begin(), membership.end());
  auto next = known.begin();
  for (int8_t& value : permuted)
    if (value != -1) value = *next++;
  return auc_estimate(sort_scores(scores, permuted, context), level, context);
}

}  // namespace miaudit
