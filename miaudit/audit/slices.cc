#include "miaudit/audit/slices.h"

#include "miaudit/base/parallel.h"
#include "miaudit/metric/interval.h"
#include "miaudit/metric/roc.h"

namespace miaudit {

std::vector<Slice> slice_by_class(const ScoredRecords& records, std::span<const int32_t> labels, size_t classes,
                                  double level, const Context& context) {
  if (labels.empty()) return {};
  struct Part {
    std::vector<double> scores;
    std::vector<int8_t> membership;
    std::vector<int64_t> groups;
    std::vector<int64_t> people;  // of one model's records
    uint64_t counts[2] = {0, 0};
  };
  std::vector<Part> parts(classes);
  std::vector<size_t> sizes(classes);
  for (const int32_t label : labels) ++sizes[static_cast<size_t>(label)];
  for (size_t c = 0; c < classes; ++c) {
    parts[c].scores.reserve(sizes[c]);
    parts[c].membership.reserve(sizes[c]);
    if (!records.groups.empty()) parts[c].groups.reserve(sizes[c]);
  }
  for (size_t i = 0; i < labels.size(); ++i) {
    // Where records cross models, each model keeps its place for each of them.
    if (records.membership[i] < 0 && records.crossing == 0) continue;
    Part& part = parts[static_cast<size_t>(labels[i])];
    part.scores.push_back(records.scores[i]);
    part.membership.push_back(records.membership[i]);
    if (!records.groups.empty()) part.groups.push_back(records.groups[i]);
    if (i < records.people.size() && records.crossing > 0) part.people.push_back(records.people[i]);
    if (records.membership[i] >= 0) ++part.counts[records.membership[i]];
  }
  std::vector<size_t> seen;
  for (size_t c = 0; c < parts.size(); ++c)
    if (parts[c].counts[0] > 0 && parts[c].counts[1] > 0) seen.push_back(c);
  const double corrected = 1 - (1 - level) / static_cast<double>(std::max<size_t>(seen.size(), 1));
  std::vector<Slice> slices(seen.size());
  Context one_thread;
  one_thread.cancelled = context.cancelled;
  parallel_blocks(seen.size(), 1, context, [&](size_t k, size_t) {
    Part part = std::move(parts[seen[k]]);
    Estimate auc;
    if (part.groups.empty()) {
      SortedScores sorted = sort_scores(part.scores, part.membership, one_thread);
      sorted.worth = records.worth;
      auc = auc_estimate(sorted, corrected, one_thread);
    } else {
      const size_t models = records.crossing > 0 ? records.scores.size() / records.crossing : 1;
      const size_t crossing = records.crossing > 0 ? part.scores.size() / models : 0;
      auc = auc_estimate(GroupedScores{part.scores, part.membership, part.groups, records.worth, crossing, part.people},
                         corrected, one_thread);
    }
    slices[k] = {"class", std::to_string(seen[k]), part.counts[1], part.counts[0], auc};
  });
  return slices;
}

}  // namespace miaudit
