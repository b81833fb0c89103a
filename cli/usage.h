#pragma once

#include <string>

#include "cli/options.h"

namespace miaudit::cli {

/// What is wrong with a command that CLI11 does not take: which word, of which verb, what was perhaps meant, and where
/// to read on. After app.parse() has thrown `error`.
std::string usage_message(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv);

}  // namespace miaudit::cli
