#include "cli/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <functional>

#include "miaudit/attack/attack.h"

namespace miaudit::cli {
namespace {

const std::map<std::string, OutputForm> kForms = {{"logits", OutputForm::logits},
                                                  {"probabilities", OutputForm::probabilities},
                                                  {"log-probabilities", OutputForm::log_probabilities}};

// Nearer to 0 or 1 the intervals' arithmetic ends.
constexpr double kLeastShare = 1e-12;
constexpr const char* kShare = "a share above 0 and below 1 (by 1e-12 at least), such as 0.001 for 0.1 %";

std::string range_text(const ParameterRow& parameter) {
  if (const auto* integer = std::get_if<IntegerParameter>(&parameter.type))
    return fmt::format("{} to {}; default {}", integer->low, integer->high, integer->fallback);
  if (const auto* real = std::get_if<RealParameter>(&parameter.type))
    return fmt::format("{:g} to {:g}; default {:g}", real->low, real->high, real->fallback);
  return fmt::format("default {}", std::get<ChoiceParameter>(parameter.type).fallback);
}

std::string type_text(const ParameterRow& parameter) {
  if (const auto* choice = std::get_if<ChoiceParameter>(&parameter.type))
    return fmt::format("{{{}}}", fmt::join(choice->choices, ","));
  return std::holds_alternative<IntegerParameter>(parameter.type) ? "INT" : "FLOAT";
}

std::optional<double> number(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// What is wrong with a text that should be a share; "" for nothing.
using Complaint = std::function<std::string(const std::string&)>;
Complaint share_complaint(double low, const std::string& expected) {
  return [low, expected](const std::string& text) {
    const std::optional<double> value = number(text);
    const bool good = value && *value >= low && *value <= 1 - kLeastShare;
    return good ? std::string() : fmt::format("found '{}'; expected {}", text, expected);
  };
}

std::vector<std::string> parts_of(const std::string& list) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    parts.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// Values with commas between them. CLI11's own delimiter passes over empty ones, which are slips.
CLI::Option* add_list(CLI::App& verb, const std::string& flag, const std::string& description,
                      const Complaint& complaint, const std::function<void(const std::vector<std::string>&)>& take) {
  const auto check = [complaint](std::string& list) {
    for (const std::string& part : parts_of(list)) {
      if (part.empty())
        return fmt::format("found an empty value in '{}'; expected values with one comma between", list);
      if (std::string why = complaint(part); !why.empty()) return why;
    }
    return std::string();
  };
  return verb
      .add_option_function<std::vector<std::string>>(
          flag,
          [take](const std::vector<std::string>& lists) {
            std::vector<std::string> all;
            for (const std::string& list : lists)
              for (std::string& part : parts_of(list)) all.push_back(std::move(part));
            take(all);
          },
          description)
      ->check(CLI::Validator(check, ""));
}

void add_shares(CLI::App& verb, const std::string& flag, const std::string& description, std::vector<double>& shares) {
  add_list(verb, flag, description, share_complaint(kLeastShare, kShare),
           [&shares](const std::vector<std::string>& parts) {
             shares.clear();
             for (const std::string& part : parts) shares.push_back(*number(part));
           })
      ->type_name("FLOAT:above 0 and below 1")
      ->default_str(fmt::format("[{}]", fmt::join(shares, ",")));
}

/// What an attack takes where it is not given the parameter itself.
std::string inherited_text(const AttackRow& attack, std::string_view parameter) {
  return attack.online.empty() || !find_attack(attack.online).takes(parameter)
             ? ""
             : fmt::format(", or as {}", parameter_flag(attack.online, parameter));
}

}  // namespace

CLI::Validator share(double low, const std::string& expected) {
  const Complaint complaint = share_complaint(low, expected);
  return CLI::Validator([complaint](std::string& text) { return complaint(text); }, "");
}

CLI::Validator seed_number(const std::string& shown) {
  const auto check = [](std::string& text) {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool good = error == std::errc() && end == text.data() + text.size();
    return good ? std::string()
                : fmt::format("found '{}'; expected a whole number from 0 to 18446744073709551615", text);
  };
  return CLI::Validator(check, shown);
}

CLI::Validator memory_size() {
  const auto to_bytes = [](std::string& text) {
    constexpr std::string_view kUnits = "KMGT";
    double size = 0, unit = 1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
    std::string_view rest(end, static_cast<size_t>(text.data() + text.size() - end));
    const size_t power = rest.empty()
                             ? std::string_view::npos
                             : kUnits.find(static_cast<char>(std::toupper(static_cast<unsigned char>(rest[0]))));
    if (power != std::string_view::npos) {
      unit = std::ldexp(1.0, 10 * static_cast<int>(power + 1));
      rest.remove_prefix(1);
    }
    constexpr std::string_view kEndings[] = {"", "i", "B", "b", "iB", "ib"};
    const bool is_whole = error == std::errc() && std::ranges::find(kEndings, rest) != std::end(kEndings);
    const double bytes = size * unit;
    if (!is_whole || !(bytes >= 0x1p26 && bytes <= 0x1p50))
      return fmt::format("found '{}'; expected 64M to 1024T, such as 2G or 1.5G (without a letter, bytes)", text);
    text = fmt::format("{:.0f}", bytes);
    return std::string();
  };
  return CLI::Validator(to_bytes, "64M to 1024T");
}

void refuse_slips(CLI::App& app) {
  // To std::filesystem "" is nowhere, and "" / "labels.npy" the user's own labels.npy.
  const auto refuse_empty = [](std::string& text) {
    return text.empty() ? "found nothing; expected a name. Was it to come from a variable that is not set?" : "";
  };
  for (CLI::Option* option : app.get_options()) {
    const std::string type = option->get_type_name();
    if (type == kFileType || type == kFolderType || option->get_positional())
      option->check(CLI::Validator(refuse_empty, ""));
    if (type.starts_with("UINT")) option->check(seed_number(""));
  }
  for (CLI::App* verb : app.get_subcommands([](CLI::App*) { return true; })) refuse_slips(*verb);
}

void add_attacks(CLI::App& verb, std::vector<std::string>& attacks, const std::string& description) {
  add_list(
      verb, "--attacks", description, [](const std::string&) { return std::string(); },
      [&attacks](const std::vector<std::string>& names) { attacks = names; })
      ->type_name(kAttackType)
      ->default_str(fmt::format("[{}]", fmt::join(attacks, ",")));
}

void add_common_options(CLI::App& verb, Shell& shell) {
  verb.add_option("--threads", shell.threads, "Threads to work with; no result depends on it")
      ->check(CLI::Range(1, 1024))
      ->default_str("all cores");  // Their number would make the help another on every machine.
  verb.add_flag("--quiet", shell.quiet, "No progress on stderr");
}

void add_measure_options(CLI::App& verb, MeasureOptions& options) {
  add_shares(verb, "--fpr", "False positive rates to report, as shares: 0.001 is 0.1 %", options.fprs);
  verb.add_option("--level", options.level, "Two-sided confidence level of every interval")
      ->check(share(0.5, "0.5 or more and below 1 (by 1e-12 at least), such as 0.95"))
      ->type_name("FLOAT:0.5 to below 1");
  add_shares(verb, "--prior", "Shares of members at which precision is reported (JSON)", options.priors);
  verb.add_option("--bootstrap", options.bootstrap,
                  "BCa bootstrap intervals of AUC and TPR from this many replicates, where they cover; 0: analytic. "
                  "Over several targets TPRs have 400 of their own, or these")
      ->check(CLI::Validator(
          [](std::string& text) {
            const bool good = text == "0" || (CLI::Range(200, 1000000)(text).empty());
            return good ? std::string() : fmt::format("found '{}'; expected 0, or 200 to 1000000 replicates", text);
          },
          "0, or 200 to 1000000"));
  verb.add_option("--seed", options.seed, "Fixes folds, splits and resampling")->check(seed_number());
}

void add_input_option(CLI::App& verb, RecordOptions& options) {
  verb.add_option_function<std::string>(
          "--input", [&options](const std::string& name) { options.form = kForms.at(name); },
          "What the output values are; detected from the values when not given")
      ->check(CLI::IsMember(kForms));
}

void add_record_options(CLI::App& verb, RecordOptions& options) {
  add_input_option(verb, options);
  verb.add_option_function<std::string>(
          "--on-nonfinite",
          [&options](const std::string& name) {
            options.on_nonfinite = name == "drop" ? OnNonfinite::drop : OnNonfinite::refuse;
          },
          "Records with NaN, infinite or too large outputs: refuse the audit, or drop them with a warning")
      ->check(CLI::IsMember({"refuse", "drop"}))
      ->default_str("refuse");
}

void add_attack_parameters(CLI::App& verb, AttackParameters& parameters,
                           const std::function<bool(const AttackRow&)>& is_offered) {
  for (const AttackRow& attack : attack_table()) {
    if (is_offered && !is_offered(attack)) continue;
    for (const ParameterRow& parameter : attack.parameters) {
      verb.add_option_function<std::string>(
              parameter_flag(attack.name, parameter.name),
              [&parameters, &attack, &parameter](const std::string& value) {
                parameters[std::string(attack.name)][std::string(parameter.name)] = value;
              },
              fmt::format("{} ({}{})", parameter.summary, range_text(parameter),
                          inherited_text(attack, parameter.name)))
          ->type_name(type_text(parameter))
          ->group("Attack parameters");
    }
  }
}

void add_gate_options(CLI::App& verb, GateTexts& gates, std::string_view subject) {
  verb.add_option("--fail-if", gates.fail_if,
                  fmt::format("Exit 3 when the whole interval satisfies this, as in '{}.tpr@0.001 > 0.05'", subject))
      ->group("Gates");
  verb.add_option("--fail-unless", gates.fail_unless,
                  fmt::format("Exit 3 unless the whole interval satisfies this, as in '{}.auc < 0.6'", subject))
      ->group("Gates");
}

}  // namespace miaudit::cli
