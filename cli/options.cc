#include "cli/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "miaudit/attack/attack.h"

namespace miaudit::cli {
namespace {

const std::map<std::string, OutputForm> kForms = {{"logits", OutputForm::logits},
                                                  {"probabilities", OutputForm::probabilities},
                                                  {"log-probabilities", OutputForm::log_probabilities}};

std::string range_text(const ParameterRow& parameter) {
  if (const auto* integer = std::get_if<IntegerParameter>(&parameter.type))
    return fmt::format("{} to {}; default {}", integer->low, integer->high, integer->fallback);
  if (const auto* real = std::get_if<RealParameter>(&parameter.type))
    return fmt::format("{:g} to {:g}; default {:g}", real->low, real->high, real->fallback);
  const auto& choice = std::get<ChoiceParameter>(parameter.type);
  return fmt::format("{}; default {}", fmt::join(choice.choices, ", "), choice.fallback);
}

}  // namespace

void add_common_options(CLI::App& verb, Shell& shell) {
  verb.add_option("--threads", shell.threads, "Threads to work with; no result depends on it")
      ->check(CLI::Range(1, 1024));
  verb.add_flag("--quiet", shell.quiet, "No progress on stderr");
}

void add_measure_options(CLI::App& verb, MeasureOptions& options) {
  verb.add_option("--fpr", options.fprs, "False positive rates to report, shares in (0, 1): 0.001 is 0.1 %")
      ->delimiter(',')
      ->check(CLI::Range(1e-12, 1 - 1e-12).description("in (0, 1)"));
  verb.add_option("--level", options.level, "Two-sided confidence level of every interval")
      ->check(CLI::Range(0.5, 1 - 1e-12).description("0.5 to below 1"));
  verb.add_option("--prior", options.priors, "Shares of members at which precision is reported (JSON)")
      ->delimiter(',')
      ->check(CLI::Range(1e-12, 1 - 1e-12).description("in (0, 1)"));
  verb.add_option("--bootstrap", options.bootstrap,
                  "BCa bootstrap intervals from this many replicates in place of the analytic ones; 0: analytic")
      ->check(CLI::Validator(
          [](std::string& text) {
            const bool good = text == "0" || (CLI::Range(200, 1000000)(text).empty());
            return good ? std::string() : "expected 0, or 200 to 1000000 replicates";
          },
          "0, or 200 to 1000000"));
  verb.add_option("--seed", options.seed, "Fixes folds, splits and resampling")->check(CLI::NonNegativeNumber);
}

void add_record_options(CLI::App& verb, RecordOptions& options) {
  verb.add_option_function<std::string>(
          "--input", [&options](const std::string& name) { options.form = kForms.at(name); },
          "What the output values are; detected from the values when not given")
      ->check(CLI::IsMember(kForms));
  verb.add_option_function<std::string>(
          "--on-nonfinite",
          [&options](const std::string& name) {
            options.on_nonfinite = name == "drop" ? OnNonfinite::drop : OnNonfinite::refuse;
          },
          "Records with NaN or infinite outputs: refuse the audit, or drop them with a warning")
      ->check(CLI::IsMember({"refuse", "drop"}))
      ->default_str("refuse");
}

void add_attack_parameters(CLI::App& verb, AttackParameters& parameters) {
  for (const AttackRow& attack : attack_table()) {
    for (const ParameterRow& parameter : attack.parameters) {
      std::string flag = fmt::format("--{}-{}", attack.name, parameter.name);
      std::replace(flag.begin(), flag.end(), '_', '-');
      verb.add_option_function<std::string>(
              flag,
              [&parameters, &attack, &parameter](const std::string& value) {
                parameters[std::string(attack.name)][std::string(parameter.name)] = value;
              },
              fmt::format("{} ({})", parameter.summary, range_text(parameter)))
          ->group("Attack parameters");
    }
  }
}

void add_gate_options(CLI::App& verb, GateTexts& gates) {
  verb.add_option("--fail-if", gates.fail_if,
                  "Exit 3 when the whole interval satisfies this, as in 'headline.tpr@0.001 > 0.05'")
      ->group("Gates");
  verb.add_option("--fail-unless", gates.fail_unless,
                  "Exit 3 unless the whole interval satisfies this, as in 'headline.auc < 0.6'")
      ->group("Gates");
}

}  // namespace miaudit::cli
