#include "miaudit/attack/features.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "miaudit/base/rng.h"
#include "miaudit/math/sort.h"

namespace miaudit {
namespace {

constexpr size_t kTopProbabilities = 20;
constexpr size_t kMaxLabelColumns = 50;
constexpr size_t kMaxTrainingRecordsOfASide = 50'000;
constexpr size_t kScoringBlock = 8192;
/// Losses from absurd logits are cut here: float must hold them.
constexpr double kLargestFeature = 1e30;

class FeatureTable {
 public:
  explicit FeatureTable(const Evidence& evidence) : evidence_(evidence) {
    constexpr std::array kSignals = {"loss", "correctness", "entropy"};
    for (size_t s = 0; s < signals_.size(); ++s) {
      const std::vector<double> values = mean_over_queries(evidence.signals.signal(kSignals[s]), 1);
      signals_[s].reserve(values.size());
      for (const double value : values)
        signals_[s].push_back(static_cast<float>(std::clamp(value, -kLargestFeature, kLargestFeature)));
    }
  }

  size_t columns() const { return top() + signals_.size() + label_columns(); }

  /// Features of these records, [records][columns()].
  std::vector<float> rows(std::span<const uint32_t> records) const {
    std::vector<float> features(records.size() * columns());
    std::vector<float> probabilities(std::min(records.size(), kScoringBlock) * evidence_.classes);
    for (size_t begin = 0; begin < records.size(); begin += kScoringBlock) {
      const auto block = records.subspan(begin, std::min(kScoringBlock, records.size() - begin));
      const MatrixView<float> view{probabilities.data(), block.size(), evidence_.classes};
      evidence_.signals.probabilities(block, view);
      for (size_t k = 0; k < block.size(); ++k)
        fill(block[k], view.row(k), std::span(features).subspan((begin + k) * columns(), columns()));
    }
    return features;
  }

 private:
  size_t top() const { return std::min(kTopProbabilities, evidence_.classes); }
  size_t label_columns() const { return evidence_.classes <= kMaxLabelColumns ? evidence_.classes : 0; }

  /// Reorders `probabilities`.
  void fill(uint32_t record, std::span<float> probabilities, std::span<float> out) const {
    std::ranges::partial_sort(probabilities, probabilities.begin() + static_cast<ptrdiff_t>(top()), std::greater<>());
    auto next = std::ranges::copy(probabilities.first(top()), out.begin()).out;
    for (const std::vector<float>& signal : signals_) *next++ = signal[record];
    if (label_columns() > 0) next[evidence_.labels[record]] = 1;
  }

  const Evidence& evidence_;
  std::array<std::vector<float>, 3> signals_;
};

/// All of `records`, or as many as are wanted: one at random from each of as many equal stretches.
std::vector<uint32_t> thinned(const std::vector<uint32_t>& records, size_t wanted) {
  if (records.size() <= wanted) return records;
  Rng rng(0);
  std::vector<uint32_t> kept(wanted);
  for (size_t k = 0; k < wanted; ++k) {
    const size_t begin = k * records.size() / wanted, end = (k + 1) * records.size() / wanted;
    kept[k] = records[begin + rng.below(end - begin)];
  }
  return kept;
}

/// Known records to fit to, as many members as non-members in every class.
struct Pairs {
  std::vector<uint32_t> members;
  std::vector<uint32_t> nonmembers;
};

Pairs pair_up(const Evidence& evidence, const KnownRecords& known) {
  // The last stands for all classes, for when every class has one side only and none gives a pair.
  std::vector<Pairs> classes(evidence.classes + 1);
  for (size_t k = 0; k < known.records.size(); ++k)
    for (Pairs* pairs : {&classes[static_cast<size_t>(evidence.labels[known.records[k]])], &classes.back()})
      (known.membership[k] ? pairs->members : pairs->nonmembers).push_back(known.records[k]);
  const Pairs all = std::move(classes.back());
  classes.pop_back();
  if (all.members.empty() || all.nonmembers.empty())
    fail(Category::numeric, "a classifier needs known members and non-members in the other folds; found {} and {}",
         grouped(all.members.size()), grouped(all.nonmembers.size()));

  Pairs chosen;
  const auto choose = [&](const Pairs& from) {
    const size_t count = std::min(from.members.size(), from.nonmembers.size());
    std::ranges::copy(thinned(from.members, count), std::back_inserter(chosen.members));
    std::ranges::copy(thinned(from.nonmembers, count), std::back_inserter(chosen.nonmembers));
  };
  for (const Pairs& own : classes) choose(own);
  if (chosen.members.empty()) choose(all);
  // Both sides list the same classes at the same places, and thinned() takes the same places of lists of one length.
  return {thinned(chosen.members, kMaxTrainingRecordsOfASide), thinned(chosen.nonmembers, kMaxTrainingRecordsOfASide)};
}

/// Share of the ascending `reference` below `value`, equals counting half.
double share_below(std::span<const double> reference, double value) {
  const auto [low, high] = std::equal_range(reference.begin(), reference.end(), value);
  return static_cast<double>((low - reference.begin()) + (high - reference.begin())) /
         (2 * static_cast<double>(reference.size()));
}

}  // namespace

void score_by_classifier(const Evidence& evidence, const KnownRecords& known, std::span<const uint32_t> to_score,
                         const FitClassifier& fit, const Context& context, std::span<double> scores) {
  const auto [members, nonmembers] = pair_up(evidence, known);
  std::vector<uint32_t> records = members;
  records.insert(records.end(), nonmembers.begin(), nonmembers.end());
  std::vector<uint8_t> membership(members.size(), 1);
  membership.resize(records.size(), 0);

  const FeatureTable table(evidence);
  std::vector<float> features = table.rows(records);
  const MatrixView<const float> fitted{features.data(), records.size(), table.columns()};
  const auto classifier = fit({fitted, membership});
  std::vector<double> reference(records.size());
  classifier->score(fitted, reference);
  radix_sort(reference);
  for (size_t begin = 0; begin < to_score.size(); begin += kScoringBlock) {
    context.check();
    const auto block = to_score.subspan(begin, std::min(kScoringBlock, to_score.size() - begin));
    const auto out = scores.subspan(begin, block.size());
    features = table.rows(block);
    classifier->score({features.data(), block.size(), table.columns()}, out);
    for (double& score : out) score = share_below(reference, score);
  }
}

}  // namespace miaudit
