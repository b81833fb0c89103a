#include "miaudit/audit/slices.h"

#include <algorithm>
#include <array>

#include "miaudit/base/parallel.h"
#include "miaudit/metric/interval.h"
#include "miaudit/metric/roc.h"

namespace miaudit {
namespace {

/// One class's records (places among a model's) under every model.
struct Part {
  std::vector<double> scores;
  std::vector<int8_t> membership;
  std::vector<int64_t> groups, people;
};

Part part_of(const ScoredRecords& all, const std::vector<uint32_t>& records, size_t of_model) {
  Part part;
  const size_t models = all.scores.size() / of_model;
  part.scores.reserve(models * records.size());
  part.membership.reserve(models * records.size());
  for (size_t m = 0; m < models; ++m)
    for (const uint32_t record : records) {
      const size_t i = m * of_model + record;
      // Where records cross models, each model keeps its place for each of them.
      if (all.membership[i] < 0 && all.crossing == 0) continue;
      part.scores.push_back(all.scores[i]);
      part.membership.push_back(all.membership[i]);
      if (!all.groups.empty() && all.crossing == 0) part.groups.push_back(all.groups[i]);
    }
  if (all.crossing > 0) {
    part.groups.assign(all.groups.begin(), all.groups.end());
    if (!all.people.empty())
      for (const uint32_t record : records) part.people.push_back(all.people[record]);
  }
  return part;
}

Estimate auc_of(const ScoredRecords& all, const Part& part, size_t of_class, double level, const Context& context) {
  if (part.groups.empty()) {
    SortedScores sorted = sort_scores(part.scores, part.membership, context);
    sorted.worth = all.worth;
    return auc_estimate(sorted, level, context);
  }
  return auc_estimate(
      GroupedScores{part.scores, part.membership, part.groups, all.worth, all.crossing > 0 ? of_class : 0, part.people},
      level, context);
}

}  // namespace

std::vector<Slice> slice_by_class(const ScoredRecords& records, std::span<const int32_t> labels, size_t classes,
                                  double level, const Context& context) {
  if (labels.empty()) return {};
  struct OfClass {
    std::vector<uint32_t> records;
    std::array<uint64_t, 2> sides{};
  };
  std::vector<OfClass> all(classes);
  for (size_t i = 0; i < labels.size(); ++i)
    all[static_cast<size_t>(labels[i])].records.push_back(static_cast<uint32_t>(i));
  for (size_t begin = 0; begin < records.scores.size(); begin += labels.size())
    for (size_t i = 0; i < labels.size(); ++i)
      if (const int8_t side = records.membership[begin + i]; side >= 0)
        ++all[static_cast<size_t>(labels[i])].sides[static_cast<size_t>(side)];
  std::vector<size_t> seen;
  for (size_t c = 0; c < classes; ++c)
    if (all[c].sides[0] > 0 && all[c].sides[1] > 0) seen.push_back(c);
  const double corrected = 1 - (1 - level) / static_cast<double>(std::max<size_t>(seen.size(), 1));
  std::vector<Slice> slices(seen.size());
  Context each;  // a class, beside the others
  each.threads = std::max(1, context.threads / static_cast<int>(std::max<size_t>(seen.size(), 1)));
  each.cancelled = context.cancelled;
  parallel_blocks(seen.size(), 1, context, [&](size_t k, size_t) {
    const OfClass& own = all[seen[k]];
    const Part part = part_of(records, own.records, labels.size());
    slices[k] = {"class", std::to_string(seen[k]), own.sides[1], own.sides[0],
                 auc_of(records, part, own.records.size(), corrected, each)};
  });
  return slices;
}

}  // namespace miaudit
