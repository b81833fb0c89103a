#pragma once

#include <string>

#include "miaudit/train/unit.h"

namespace miaudit {

/// Outputs that something else made, in an attempt's folder.
struct ForeignOutputs {
  std::string why;  ///< there are none that could be used; "" where there are
  size_t tries = 1;
};

/// Where a command's output goes, beside its outputs.
inline constexpr const char* kCommandLog = "log.txt";

/// Writes the outputs that the plan was given. Throws Error(input) where they have changed since.
void bring_outputs(const UnitSource& source, const Attempt& attempt);

/// Has the plan's command make a model, as often as the options allow. Throws Error(checkpointed) when it is stopped.
ForeignOutputs call_command(const UnitSource& source, const Attempt& attempt, const UnitContext& context);

}  // namespace miaudit
