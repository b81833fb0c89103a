#pragma once

#include <vector>

#include "miaudit/attack/attack.h"

namespace miaudit {

/// LiRA's ratio with a record's queries as one vector: normals with the mean of the record's models and a covariance of
/// its own or pooled over records (mean outer product of the residuals about each record's own mean), IN and OUT apart.
/// NaN for a record that has none on a side. Throws Error(numeric) for covariances of a record's own where there are no
/// more models a side than queries.
std::vector<double> joint_ratios(const Evidence& evidence, std::string_view signal, bool is_pooled,
                                 const Context& context);

}  // namespace miaudit
