#include "miaudit/audit/score.h"

#include <algorithm>
#include <cmath>

#include "miaudit/learn/learners.h"

namespace miaudit {

Folds make_folds(std::span<const int32_t> labels, std::span<const int8_t> membership, std::span<const int64_t> groups,
                 int count, uint64_t seed) {
  std::vector<uint32_t> strata(membership.size());
  for (size_t i = 0; i < strata.size(); ++i) {
    const uint32_t label = labels.empty() ? 0 : static_cast<uint32_t>(labels[i]);
    strata[i] = label * 3 + static_cast<uint32_t>(membership[i] + 1);
  }
  return {count, assign_folds(strata, groups, count, seed)};
}

Knowledge knowledge_without(const Folds& folds, int held_out, std::span<const int8_t> membership,
                            std::span<const uint32_t> population) {
  Knowledge known;
  for (size_t i = 0; i < membership.size(); ++i) {
    if (folds.of[i] == held_out || membership[i] < 0) continue;
    known.records.push_back(static_cast<uint32_t>(i));
    known.membership.push_back(static_cast<uint8_t>(membership[i]));
  }
  known.records.insert(known.records.end(), population.begin(), population.end());
  known.membership.resize(known.records.size(), 0);
  return known;
}

void check_scores(const AttackRow& attack, std::span<const double> scores) {
  // NaN says that a record lacks the reference models that an attack needs.
  const bool may_lack = attack.needs_references();
  const auto bad = std::find_if(scores.begin(), scores.end(),
                                [&](double s) { return may_lack ? std::isinf(s) : !std::isfinite(s); });
  if (bad != scores.end())
    fail(Category::numeric, "{} gave record {} the score {}; scores must be finite", attack.name, bad - scores.begin(),
         *bad);
}

std::vector<double> score_records(const AttackRow& attack, const Evidence& evidence, const Parameters& parameters,
                                  const Folds& folds, std::span<const int8_t> membership, const Context& context) {
  std::vector<double> scores;
  if (const CalibratedAttack* calibrated = std::get_if<CalibratedAttack>(&attack.run)) {
    scores.resize(evidence.samples);
    for (int fold = 0; fold < folds.count; ++fold) {
      context.report(attack.name, static_cast<uint64_t>(fold), static_cast<uint64_t>(folds.count));
      std::vector<uint32_t> held_out;
      for (size_t i = 0; i < evidence.samples; ++i)
        if (folds.of[i] == fold) held_out.push_back(static_cast<uint32_t>(i));
      const Knowledge known = knowledge_without(folds, fold, membership, evidence.population);
      std::vector<double> fold_scores(held_out.size());
      (*calibrated)(evidence, known.view(), held_out, parameters, context, fold_scores);
      for (size_t k = 0; k < held_out.size(); ++k) scores[held_out[k]] = fold_scores[k];
    }
  } else {
    scores = score_all(attack, evidence, parameters, context);
  }
  check_scores(attack, scores);
  return scores;
}

}  // namespace miaudit
