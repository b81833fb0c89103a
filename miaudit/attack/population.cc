#include <algorithm>
#include <numeric>

#include "miaudit/attack/rows.h"
#include "miaudit/base/parallel.h"
#include "miaudit/math/sort.h"

namespace miaudit {
namespace {

/// Below this many known non-members a class is held against those of all classes: its shares would be too coarse.
constexpr size_t kMinReferences = 20;

constexpr std::string_view kAnswers[] = {"no", "yes"};
constexpr ParameterRow kParameters[] = {
    {"per_class", "hold a record against non-members of its own class only", ChoiceParameter{"no", kAnswers}}};

/// scores[k] = share of `references` >= losses[to_score[k]] for each k of `places`.
void score_shares(std::span<const double> references, std::span<const double> losses,
                  std::span<const uint32_t> to_score, std::span<const uint32_t> places, const Context& context,
                  std::span<double> scores) {
  const double total = static_cast<double>(references.size());
  parallel_blocks(places.size(), 1 << 16, context, [&](size_t begin, size_t end) {
    std::vector<double> values;
    for (size_t k = begin; k < end; ++k) values.push_back(losses[to_score[places[k]]]);
    std::vector<size_t> counts(values.size());
    count_below(references, values, counts);
    for (size_t k = begin; k < end; ++k)
      scores[places[k]] = static_cast<double>(references.size() - counts[k - begin]) / total;
  });
}

void run(const Evidence& evidence, const KnownRecords& known, std::span<const uint32_t> to_score,
         const Parameters& parameters, const Context& context, std::span<double> scores) {
  const std::vector<double> losses = mean_over_queries(evidence.signals.signal("loss"), 1);
  const bool per_class = parameters.choice("per_class") == "yes";
  const auto class_of = [&](uint32_t record) { return per_class ? static_cast<size_t>(evidence.labels[record]) : 0; };

  // One more than the classes: the last stands for all of them, for classes with too few.
  const size_t classes = per_class ? evidence.classes : 1;
  std::vector<std::vector<double>> references(classes + 1);
  for (size_t k = 0; k < known.records.size(); ++k)
    if (!known.membership[k]) references[class_of(known.records[k])].push_back(losses[known.records[k]]);
  const auto too_few = [](const std::vector<double>& own) { return own.size() < kMinReferences; };
  if (std::any_of(references.begin(), references.end() - 1, too_few))
    for (size_t c = 0; c < classes; ++c)
      references[classes].insert(references[classes].end(), references[c].begin(), references[c].end());
  parallel_blocks(references.size(), 1, context, [&](size_t c, size_t) { radix_sort(references[c]); });

  std::vector<std::vector<uint32_t>> places(classes);
  for (size_t k = 0; k < to_score.size(); ++k) places[class_of(to_score[k])].push_back(static_cast<uint32_t>(k));
  for (size_t c = 0; c < classes; ++c) {
    const std::vector<double>& own = too_few(references[c]) ? references[classes] : references[c];
    if (own.empty())
      fail(Category::numeric, "population calibrates on known non-members of the other folds; found none");
    score_shares(own, losses, to_score, places[c], context, scores);
  }
}

}  // namespace

constinit const AttackRow kPopulationAttack = {
    .name = "population",
    .summary = "Share of known non-members of the other folds whose loss is at least the record's.",
    .needs = kNeedLabelsAndMembership,
    .parameters = kParameters,
    .citation = "Ye et al. 2022, arXiv:2111.09679 (Attack-P)",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = run,
};

}  // namespace miaudit
