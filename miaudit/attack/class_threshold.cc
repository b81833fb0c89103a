#include <algorithm>
#include <limits>

#include "miaudit/attack/rows.h"
#include "miaudit/base/parallel.h"
#include "miaudit/math/sort.h"

namespace miaudit {
namespace {

/// Below this many known records of either side a class's own threshold is noise.
constexpr size_t kMinRecordsOfASide = 10;

constexpr std::string_view kSignals[] = {"confidence", "entropy", "modified_entropy"};
constexpr ParameterRow kParameters[] = {
    {"signal", "what is held against the class's threshold", ChoiceParameter{"modified_entropy", kSignals}}};

std::vector<double> oriented_signal(const Evidence& evidence, std::string_view name) {
  // confidence stands for log p_y, which does not round to 1; the others fall as certainty grows.
  return mean_over_queries(evidence.signals.signal(name == "confidence" ? "loss" : name), -1);
}

struct Sides {
  std::vector<double> members;
  std::vector<double> nonmembers;
};

/// The value t that maximises TPR − FPR of "value >= t", the largest among equals. Sorts the sides, which are not
/// empty.
double best_threshold(Sides& sides) {
  radix_sort(sides.members);
  radix_sort(sides.nonmembers);
  const auto& in = sides.members;
  const auto& out = sides.nonmembers;
  double best = 0, best_gain = -std::numeric_limits<double>::infinity();
  size_t i = in.size(), j = out.size();
  while (i > 0 || j > 0) {
    const double value = j == 0 || (i > 0 && in[i - 1] > out[j - 1]) ? in[i - 1] : out[j - 1];
    while (i > 0 && in[i - 1] == value) --i;
    while (j > 0 && out[j - 1] == value) --j;
    // TPR − FPR times both counts: integers, so that equals are equal.
    const double gain = static_cast<double>(in.size() - i) * static_cast<double>(out.size()) -
                        static_cast<double>(out.size() - j) * static_cast<double>(in.size());
    if (gain > best_gain) {
      best_gain = gain;
      best = value;
    }
  }
  return best;
}

double global_threshold(std::span<const Sides> classes) {
  Sides all;
  for (const Sides& sides : classes) {
    all.members.insert(all.members.end(), sides.members.begin(), sides.members.end());
    all.nonmembers.insert(all.nonmembers.end(), sides.nonmembers.begin(), sides.nonmembers.end());
  }
  if (all.members.empty() || all.nonmembers.empty())
    fail(
        Category::numeric,
        "calibrates on known members and non-members of the other folds; found {} and {}, as where a few --groups hold "
        "all of a side",
        grouped(all.members.size()), grouped(all.nonmembers.size()));
  return best_threshold(all);
}

void run(const Evidence& evidence, const KnownRecords& known, std::span<const uint32_t> to_score,
         const Parameters& parameters, const Context& context, std::span<double> scores) {
  const std::vector<double> values = oriented_signal(evidence, parameters.choice("signal"));
  std::vector<Sides> classes(evidence.classes);
  for (size_t k = 0; k < known.records.size(); ++k) {
    const uint32_t record = known.records[k];
    Sides& sides = classes[static_cast<size_t>(evidence.labels[record])];
    (known.membership[k] ? sides.members : sides.nonmembers).push_back(values[record]);
  }
  const auto too_few = [](const Sides& sides) {
    return std::min(sides.members.size(), sides.nonmembers.size()) < kMinRecordsOfASide;
  };
  const double fallback = std::ranges::any_of(classes, too_few) ? global_threshold(classes) : 0;
  std::vector<double> thresholds(classes.size(), fallback);
  parallel_blocks(classes.size(), 1, context, [&](size_t c, size_t) {
    if (!too_few(classes[c])) thresholds[c] = best_threshold(classes[c]);
  });
  for (size_t k = 0; k < to_score.size(); ++k)
    scores[k] = values[to_score[k]] - thresholds[static_cast<size_t>(evidence.labels[to_score[k]])];
}

}  // namespace

constinit const AttackRow kClassThresholdAttack = {
    .name = "class_threshold",
    .summary = "How far a signal lies above its class's threshold, chosen on known records of the other folds.",
    .needs = kNeedLabelsAndMembership,
    .parameters = kParameters,
    .citation = "Song & Mittal 2021, arXiv:2003.10595",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = run,
};

}  // namespace miaudit
