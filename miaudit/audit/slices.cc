#include "miaudit/audit/slices.h"

#include "miaudit/metric/interval.h"
#include "miaudit/metric/roc.h"

namespace miaudit {

std::vector<Slice> slice_by_class(const ScoredRecords& records, std::span<const int32_t> labels, size_t classes,
                                  double level, const Context& context) {
  std::vector<Slice> slices;
  if (labels.empty()) return slices;
  struct Part {
    std::vector<double> scores;
    std::vector<int8_t> membership;
    std::vector<int64_t> groups;
    uint64_t counts[2] = {0, 0};
  };
  std::vector<Part> parts(classes);
  for (size_t i = 0; i < labels.size(); ++i) {
    // Where records cross models, each model keeps its place for each of them.
    if (records.membership[i] < 0 && records.crossing == 0) continue;
    Part& part = parts[static_cast<size_t>(labels[i])];
    part.scores.push_back(records.scores[i]);
    part.membership.push_back(records.membership[i]);
    if (!records.groups.empty()) part.groups.push_back(records.groups[i]);
    if (records.membership[i] >= 0) ++part.counts[records.membership[i]];
  }
  size_t looks = 0;
  for (const Part& part : parts) looks += part.counts[0] > 0 && part.counts[1] > 0;
  const double corrected = 1 - (1 - level) / static_cast<double>(std::max<size_t>(looks, 1));
  for (size_t c = 0; c < parts.size(); ++c) {
    const Part& part = parts[c];
    if (part.counts[0] == 0 || part.counts[1] == 0) continue;
    Estimate auc;
    if (part.groups.empty()) {
      SortedScores sorted = sort_scores(part.scores, part.membership, context);
      sorted.worth = records.worth;
      auc = auc_estimate(sorted, corrected, context);
    } else {
      const size_t models = records.crossing > 0 ? records.scores.size() / records.crossing : 1;
      const size_t crossing = records.crossing > 0 ? part.scores.size() / models : 0;
      auc = auc_estimate(GroupedScores{part.scores, part.membership, part.groups, records.worth, crossing}, corrected,
                         context);
    }
    slices.push_back({"class", std::to_string(c), part.counts[1], part.counts[0], auc});
  }
  return slices;
}

}  // namespace miaudit
