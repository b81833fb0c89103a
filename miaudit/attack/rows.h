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
extern const AttackRow kQuantileAttack;
extern const AttackRow kShokriAttack;
extern const AttackRow kMlLeaksAttack;
extern const AttackRow kReferenceAttack;
extern const AttackRow kCalibratedLossAttack;
extern const AttackRow kMaltAttack;
extern const AttackRow kRmiaAttack;
extern const AttackRow kRmiaOfflineAttack;
extern const AttackRow kBaseAttack;
extern const AttackRow kBaseOfflineAttack;
extern const AttackRow kLiraAttack;
extern const AttackRow kLiraOfflineAttack;
extern const AttackRow kBavariaNAttack;
extern const AttackRow kBavariaTAttack;
extern const AttackRow kBavariaNOfflineAttack;
extern const AttackRow kBavariaTOfflineAttack;
extern const AttackRow kPmiaAttack;
extern const AttackRow kStackedAttack;
extern const AttackRow kStackedOfflineAttack;

inline constexpr Need kNeedLabels[] = {Need::labels};
inline constexpr Need kNeedLabelsAndMembership[] = {Need::labels, Need::known_membership};
inline constexpr Need kNeedFeatures[] = {Need::labels, Need::known_membership, Need::features};
inline constexpr Need kNeedShadows[] = {Need::labels, Need::shadow_models};
inline constexpr Need kNeedOut[] = {Need::labels, Need::references_out};
inline constexpr Need kNeedInAndOut[] = {Need::labels, Need::references_out, Need::references_in};

}  // namespace miaudit
