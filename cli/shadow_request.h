#pragma once

#include <functional>
#include <string>

#include "cli/shell.h"
#include "miaudit/train/dataset.h"
#include "miaudit/train/recipe.h"
#include "miaudit/train/shadow.h"

namespace miaudit::cli {

/// Makes a run folder or changes its plan, and says what came of it, as `shadow plan` and `demo` do.
void run_plan(const std::string& run, ShadowPlan plan, const std::function<Recipe(const Dataset&)>& recipe,
              Shell& shell);

/// Trains what is missing and says what came of it; clock and host are filled in.
void run_shadow(const std::string& run, ShadowOptions options, Shell& shell);

}  // namespace miaudit::cli
