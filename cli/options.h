#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/shell.h"
#include "miaudit/attack/attack.h"
#include "miaudit/audit/plan.h"
#include "miaudit/data/records.h"

namespace miaudit::cli {

/// Kinds of values that completions know beside choices in braces: option->type_name() is one of these.
inline constexpr const char* kFileType = "FILE";
inline constexpr const char* kFolderType = "FOLDER";
inline constexpr const char* kAttackType = "ATTACK";

/// A number of at least `low` and below 1; `expected` says so in the refusal.
CLI::Validator share(double low, const std::string& expected);
/// A whole number from 0 to 2^64 - 1; CLI11 alone would cut a larger one off in silence.
CLI::Validator seed_number(const std::string& shown = "below 2^64");
/// Makes bytes of what an audit may be asked to keep to: 64M to 1024T, in powers of 1024.
CLI::Validator memory_size();
/// Has every option of every verb refuse what CLI11 would take and nobody means: an empty path, and a number below 0 or
/// past 2^64 - 1 where none is expected. Call it when all are declared.
void refuse_slips(CLI::App& app);
/// --attacks: names with commas between them.
void add_attacks(CLI::App& verb, std::vector<std::string>& attacks, const std::string& description);

/// Options that several verbs share, each said once.
void add_common_options(CLI::App& verb, Shell& shell);
void add_measure_options(CLI::App& verb, MeasureOptions& options);
void add_input_option(CLI::App& verb, RecordOptions& options);
void add_record_options(CLI::App& verb, RecordOptions& options);
/// --<attack>-<parameter> for every parameter in the table of attacks.
void add_attack_parameters(CLI::App& verb, AttackParameters& parameters,
                           const std::function<bool(const AttackRow&)>& is_offered = {});

struct GateTexts {
  std::vector<std::string> fail_if;
  std::vector<std::string> fail_unless;
  bool any() const { return !fail_if.empty() || !fail_unless.empty(); }
};
/// subject: what the examples are of.
void add_gate_options(CLI::App& verb, GateTexts& gates, std::string_view subject);

}  // namespace miaudit::cli
