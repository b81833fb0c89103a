#pragma once

#include <cstdint>
#include <vector>

#include "miaudit/train/plan.h"

namespace miaudit {

bool has_target(const ShadowPlan& plan);
/// Of each model the one that learns what it leaves out, or Run::kNoPartner.
std::vector<int64_t> partners_of(const ShadowPlan& plan);

/// Who learns what: a pure function of the plan's seed, the model and the record.
class Splitter {
 public:
  /// Reads the target's membership, where there is a target. Throws Error(input) where it does not fit the data,
  /// Error(config) where too few records are left to audit.
  Splitter(const ShadowPlan& plan, size_t records);

  const std::vector<Role>& roles() const { return roles_; }
  /// A model's row of the membership matrix.
  std::vector<uint8_t> row(size_t model) const;

 private:
  const ShadowPlan& plan_;
  std::vector<uint8_t> target_;  ///< empty without one
  std::vector<Role> roles_;
  std::vector<uint32_t> audited_;
};

}  // namespace miaudit
