#pragma once

#include <functional>
#include <string>

#include "miaudit/train/attempt.h"
#include "miaudit/train/plan.h"

namespace miaudit {

/// Outputs that something else made, in an attempt's folder.
struct ForeignOutputs {
  std::string why;  ///< there are none that could be used; "" where there are
  size_t tries = 1;
};

/// Where a command's output goes, beside its outputs.
inline constexpr const char* kCommandLog = "log.txt";

/// Writes the outputs that the plan was given. Throws Error(input) where they have changed since.
void bring_outputs(const Run& run, const ShadowPlan& plan, size_t classes, const Attempt& attempt);

/// Has the plan's command make a model, up to `attempts` times. Throws Error(checkpointed) when `is_stopped`, which is
/// asked some times a second, says so.
ForeignOutputs call_command(const Run& run, const ShadowPlan& plan, size_t classes, size_t model,
                            const Attempt& attempt, size_t attempts, const std::function<bool()>& is_stopped);

}  // namespace miaudit
