#pragma once

#include <span>
#include <vector>

#include "miaudit/data/models.h"

namespace miaudit {

/// Finds Models::families and Models::resembling. partners: of each model the place of its recorded partner, or any
/// place past the last. Models are of one family, whether anybody recorded that or not, where they are partners; where
/// their splits of the audited records correlate by .9 or more, one way or the other; and, where models of other
/// families are left then, where they are of one round of cross-validation: what they left out, or what they learnt,
/// parts all records between them, or, where models of the round are missing and two of its folds would by chance
/// share a dozen records or more, more than half of them. A family resembles another where the correlation of their
/// splits differs by .3 or more, and past chance, from the median of those with its own; not where all do. O(models² ·
/// min(records, 32 768)/64), and a search for rounds that is seconds long for a thousand models of small folds.
void find_families(Models& models, std::span<const size_t> partners);

/// The families of which no model may be a reference for this one, ascending: its own and those that resemble it.
std::vector<size_t> barred_families(const Models& models, size_t model);

}  // namespace miaudit
