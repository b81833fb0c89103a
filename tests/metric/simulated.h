#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "miaudit/base/rng.h"
#include "miaudit/metric/roc.h"

namespace miaudit {

struct Scored {
  std::vector<double> scores;
  std::vector<int8_t> membership;

  SortedScores sorted() const { return sort_scores(scores, membership, {}); }
};

/// Normal scores in turn of members, shifted up, and non-members; `step` > 0 rounds them down to multiples, to make
/// ties.
inline Scored simulated(size_t records, double shift, uint64_t seed, double step = 0) {
  Scored data;
  Rng rng(seed);
  for (size_t i = 0; i < records; ++i) {
    data.membership.push_back(i % 2 == 0);
    double score = rng.normal() + (i % 2 == 0 ? shift : 0);
    if (step > 0) score = step * static_cast<double>(static_cast<int64_t>(score / step + 1000) - 1000);
    data.scores.push_back(score);
  }
  return data;
}

}  // namespace miaudit
