#pragma once

#include <algorithm>
#include <map>
#include <numeric>
#include <string>

#include "miaudit/attack/attack.h"
#include "miaudit/learn/learners.h"

namespace miaudit {

/// Signals and probabilities as a test gives them. Like the real source it keeps one signal at a time, so an attack
/// that uses a reference after the next call reads freed memory under the sanitizers.
class FakeSignals : public SignalSource {
 public:
  std::map<std::string, SignalMatrix, std::less<>> signals;
  std::vector<float> probability_rows;
  size_t classes = 0;
  std::vector<std::string> asked;

  const SignalMatrix& signal(std::string_view name) override {
    asked.emplace_back(name);
    const auto found = signals.find(name);
    if (found == signals.end()) fail(Category::config, "the test gives no signal '{}'", name);
    current_ = std::make_unique<SignalMatrix>(found->second);
    return *current_;
  }
  void probabilities(std::span<const uint32_t> records, MatrixView<float> out) override {
    for (size_t k = 0; k < records.size(); ++k)
      std::copy_n(probability_rows.data() + records[k] * classes, classes, out.row(k).data());
  }
  void set(std::string name, std::vector<double> values, size_t queries = 1) {
    const size_t samples = values.size() / queries;
    signals[std::move(name)] = {1, samples, queries, std::move(values)};
  }

 private:
  std::unique_ptr<SignalMatrix> current_;
};

using TextParameters = std::map<std::string, std::string, std::less<>>;

inline std::vector<double> run_plain(const AttackRow& row, const Evidence& evidence) {
  return score_all(row, evidence, Parameters(row.name, row.parameters, {}), {});
}

/// Every record's score from the membership of the other folds.
inline std::vector<double> run_cross_fitted(const AttackRow& row, const Evidence& evidence,
                                            std::span<const uint8_t> membership, std::span<const uint8_t> fold,
                                            const TextParameters& given = {}, const Context& context = {}) {
  const Parameters parameters(row.name, row.parameters, given);
  std::vector<double> scores(membership.size());
  for (int f = 0; f <= *std::ranges::max_element(fold); ++f) {
    std::vector<uint32_t> others, own;
    std::vector<uint8_t> known;
    for (uint32_t i = 0; i < fold.size(); ++i) {
      if (fold[i] == f) {
        own.push_back(i);
      } else {
        others.push_back(i);
        known.push_back(membership[i]);
      }
    }
    std::vector<double> part(own.size());
    std::get<CalibratedAttack>(row.run)(evidence, {others, known}, own, parameters, context, part);
    for (size_t k = 0; k < own.size(); ++k) scores[own[k]] = part[k];
  }
  return scores;
}

inline double area_under_roc(std::span<const double> scores, std::span<const uint8_t> membership) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) { return scores[i]; });
  double rank_sum = 0, members = 0;
  for (size_t i = 0, j = 0; i < order.size(); i = j) {
    while (j < order.size() && scores[order[j]] == scores[order[i]]) ++j;
    for (size_t k = i; k < j; ++k)
      if (membership[order[k]]) rank_sum += static_cast<double>(i + j + 1) / 2, ++members;
  }
  return (rank_sum - members * (members + 1) / 2) / (members * (static_cast<double>(scores.size()) - members));
}

}  // namespace miaudit
