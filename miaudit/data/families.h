#pragma once

#include <span>
#include <vector>

#include "miaudit/data/models.h"

namespace miaudit {

/// Models::families. partners: of each model the place of its recorded partner, or any place past the last. Two models
/// are of one family where they are partners or where their splits of the audited records correlate by .9 or more, one
/// way or the other, whether anybody recorded that or not. O(models² · min(records, 32 768)/64).
std::vector<size_t> families_of(const Models& models, std::span<const size_t> partners);

}  // namespace miaudit
