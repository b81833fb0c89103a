#pragma once

#include "miaudit/attack/attack.h"

namespace miaudit {

// The rows of the table, each defined in the file of its attack.
extern const AttackRow kSpreadAttack;
extern const AttackRow kCorrectnessAttack;
extern const AttackRow kLossAttack;
extern const AttackRow kConfidenceAttack;
extern const AttackRow kMaxProbabilityAttack;
extern const AttackRow kEntropyAttack;
extern const AttackRow kModifiedEntropyAttack;
extern const AttackRow kMarginAttack;
extern const AttackRow kClassThresholdAttack;
extern const AttackRow kPopulationAttack;
extern const AttackRow kClassifierAttack;
extern const AttackRow kClassifierTreesAttack;

inline constexpr Need kNeedLabels[] = {Need::labels};
inline constexpr Need kNeedLabelsAndMembership[] = {Need::labels, Need::known_membership};

}  // namespace miaudit
