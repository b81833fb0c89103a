#pragma once

#include <CLI/CLI.hpp>

#include "cli/shell.h"

namespace miaudit::cli {

/// One function a verb: declares its options; its callback parses, calls the library and reports.
void add_audit(CLI::App& app, Shell& shell);
void add_predict(CLI::App& app, Shell& shell);
void add_measure(CLI::App& app, Shell& shell);
void add_compare(CLI::App& app, Shell& shell);
void add_train(CLI::App& app, Shell& shell);
void add_shadow(CLI::App& app, Shell& shell);
void add_demo(CLI::App& app, Shell& shell);
void add_list(CLI::App& app, Shell& shell);
void add_doctor(CLI::App& app, Shell& shell);
void add_completion(CLI::App& app, Shell& shell);

}  // namespace miaudit::cli
