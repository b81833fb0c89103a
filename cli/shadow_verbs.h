#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cli/shell.h"

// The verbs of `shadow` that do not train.
namespace miaudit::cli {

/// Every verb's first argument.
void add_run_option(CLI::App& verb, std::string& run);

void add_shadow_plan(CLI::App& parent, Shell& shell);
void add_shadow_status(CLI::App& parent, Shell& shell);
void add_shadow_check(CLI::App& parent, Shell& shell);
void add_shadow_emit(CLI::App& parent, Shell& shell);

}  // namespace miaudit::cli
