#include <algorithm>
#include <array>

#include "miaudit/attack/rows.h"

namespace miaudit {

std::span<const AttackRow> attack_table() {
  static const std::array kTable = {
      // The target alone.
      kSpreadAttack,
      kCorrectnessAttack,
      kLossAttack,
      kConfidenceAttack,
      kMaxProbabilityAttack,
      kEntropyAttack,
      kModifiedEntropyAttack,
      kMarginAttack,
      kClassThresholdAttack,
      kPopulationAttack,
      kClassifierAttack,
      kClassifierTreesAttack,
      kQuantileAttack,
      // Beside reference models, those of one signal in a row: its moments are made once.
      kShokriAttack,
      kMlLeaksAttack,
      kReferenceAttack,
      kCalibratedLossAttack,
      kMaltAttack,
      kRmiaAttack,
      kRmiaOfflineAttack,
      kBaseAttack,
      kBaseOfflineAttack,
      kLiraAttack,
      kLiraOfflineAttack,
      kBavariaNAttack,
      kBavariaTAttack,
      kBavariaNOfflineAttack,
      kBavariaTOfflineAttack,
      kPmiaAttack,
      kStackedAttack,
      kStackedOfflineAttack,
  };
  return kTable;
}

const AttackRow& find_attack(std::string_view name) {
  const std::span<const AttackRow> table = attack_table();
  const auto row = std::ranges::find(table, name, &AttackRow::name);
  if (row != table.end()) return *row;
  std::vector<std::string> names;
  for (const AttackRow& other : table) names.emplace_back(other.name);
  const std::string nearest = nearest_name(name, names);
  fail(Category::config, "unknown attack '{}'; {}`miaudit list attacks` shows all", name,
       nearest.empty() ? "" : fmt::format("did you mean '{}'? ", nearest));
}

std::vector<double> score_all(const AttackRow& attack, const Evidence& evidence, const Parameters& parameters,
                              const Context& context) {
  const FittedAttack* fitted = std::get_if<FittedAttack>(&attack.run);
  if (!fitted) return std::get<PlainAttack>(attack.run)(evidence, parameters, context);
  return fitted->apply(evidence, fitted->fit(evidence, parameters, context), parameters, context);
}

std::string_view need_name(Need need) {
  switch (need) {
    case Need::labels:
      return "labels";
    case Need::known_membership:
      return "known_membership";
    case Need::references_out:
      return "references_out";
    case Need::references_in:
      return "references_in";
    case Need::shadow_models:
      return "shadow_models";
    case Need::features:
      break;
  }
  return "features";
}

std::string_view rule_name(DecisionRule rule) {
  switch (rule) {
    case DecisionRule::nonmember_mean:
      return "nonmember_mean";
    case DecisionRule::member_mean:
      return "member_mean";
    case DecisionRule::best_balanced_accuracy:
      break;
  }
  return "best_balanced_accuracy";
}

bool AttackRow::does_need(Need need) const {
  return std::ranges::find(needs, need) != needs.end();
}

bool AttackRow::takes(std::string_view parameter) const {
  return std::ranges::find(parameters, parameter, &ParameterRow::name) != parameters.end();
}

std::vector<double> mean_over_queries(const SignalMatrix& signal, double sign) {
  std::vector<double> means(signal.samples);
  for (size_t i = 0; i < signal.samples; ++i) {
    double sum = 0;
    for (size_t q = 0; q < signal.queries; ++q) sum += signal.values[i * signal.queries + q];
    means[i] = sign * (sum / static_cast<double>(signal.queries));
  }
  return means;
}

}  // namespace miaudit
