#pragma once

#include <vector>

#include "miaudit/attack/attack.h"

namespace miaudit {

/// Covariances of queries pooled over records (mean outer product of the residuals about each record's own mean), IN
/// and then OUT, [2][queries][queries]; nothing where each record is to have its own. Throws Error(numeric) for these
/// where there are no more models a side than queries.
std::vector<double> joint_covariances(const Evidence& evidence, std::string_view signal, bool is_pooled,
                                      const Context& context);

/// LiRA's ratio with a record's queries as one vector: normals with the mean of the record's models and the pooled
/// covariances, or where there are none, covariances of its own. NaN for a record that has none on a side.
std::vector<double> joint_ratios(const Evidence& evidence, std::string_view signal, std::span<const double> pooled,
                                 const Context& context);

}  // namespace miaudit
