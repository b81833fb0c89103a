#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <memory>

#include "cli/options.h"
#include "cli/verbs.h"
#include "miaudit/attack/attack.h"

namespace miaudit::cli {
namespace {

// What may follow an option, or stand as an argument of its own.
struct Value {
  enum class Kind { none, free, choice, file, folder };
  Kind kind = Kind::none;
  std::vector<std::string> choices;
  bool is_list = false;
};
struct Option {
  std::string flag;  // with its hyphens; "" for an argument
  std::string summary;
  Value value;
};
struct Verb {
  std::string name;
  std::string summary;
  std::vector<Option> options;
  std::vector<Option> arguments;
};

Value value_of(const CLI::Option& option) {
  Value value;
  const std::string type = option.get_type_name();
  value.is_list = option.get_expected_max() > 1;
  if (option.get_items_expected_max() == 0) {
    value.kind = Value::Kind::none;
  } else if (const size_t open = type.find('{'); open != std::string::npos) {
    value.kind = Value::Kind::choice;
    value.choices = CLI::detail::split(type.substr(open + 1, type.find('}') - open - 1), ',');
  } else if (type == kAttackType) {
    value.kind = Value::Kind::choice;
    for (const AttackRow& attack : attack_table()) value.choices.emplace_back(attack.name);
    if (value.is_list) value.choices.emplace_back("all");
  } else {
    value.kind = type == kFileType ? Value::Kind::file : type == kFolderType ? Value::Kind::folder : Value::Kind::free;
  }
  return value;
}

std::vector<const CLI::App*> verbs_in(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

void add_options(const CLI::App& verb, Verb& found) {
  for (const CLI::Option* option : verb.get_options()) {
    const Value value = value_of(*option);
    if (option->get_positional()) found.arguments.push_back({"", option->get_description(), value});
    for (const std::string& name : option->get_lnames()) {
      const bool is_known = std::any_of(found.options.begin(), found.options.end(),
                                        [&](const Option& known) { return known.flag == "--" + name; });
      if (!is_known) found.options.push_back({"--" + name, option->get_description(), value});
    }
  }
}

// A verb of verbs completes as one: their names first, then what any of them takes.
std::vector<Verb> verbs_of(const CLI::App& app) {
  std::vector<Verb> verbs;
  for (const CLI::App* verb : verbs_in(app)) {
    Verb found{verb->get_name(), verb->get_description(), {}, {}};
    Value inner{Value::Kind::choice, {}, false};
    for (const CLI::App* part : verbs_in(*verb)) {
      inner.choices.push_back(part->get_name());
      add_options(*part, found);
    }
    add_options(*verb, found);
    if (!inner.choices.empty())
      found.arguments = {{"", verb->get_description(), inner}, {"", "", {Value::Kind::folder, {}, false}}};
    verbs.push_back(std::move(found));
  }
  return verbs;
}

std::string replaced(std::string_view text, std::string_view characters, std::string_view before) {
  std::string out;
  for (const char c : text) {
    if (characters.find(c) != std::string_view::npos) out += before;
    out += c;
  }
  return out;
}

// One word of a POSIX shell: its single quotes cannot hold one another.
std::string shell_word(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string flags_of(const Verb& verb) {
  std::string flags;
  for (const Option& option : verb.options) flags += (flags.empty() ? "" : " ") + option.flag;
  return flags;
}

std::string bash_value(const Value& value) {
  const std::string words = shell_word(fmt::format("{}", fmt::join(value.choices, " ")));
  switch (value.kind) {
    case Value::Kind::choice:
      return fmt::format("{} {}", value.is_list ? "_miaudit_list" : "_miaudit_words", words);
    case Value::Kind::file:
      return "_miaudit_files -f";
    case Value::Kind::folder:
      return "_miaudit_files -d";
    case Value::Kind::none:
    case Value::Kind::free:
      break;
  }
  return ":";
}

std::string bash(const std::vector<Verb>& verbs) {
  std::string names, values, rest;
  for (const Verb& verb : verbs) {
    names += verb.name + ' ';
    std::map<std::string, std::string> flags_by_value;
    for (const Option& option : verb.options) {
      if (option.value.kind == Value::Kind::none) continue;
      std::string& flags = flags_by_value[bash_value(option.value)];
      flags += fmt::format("{}'{} {}'", flags.empty() ? "" : " | ", verb.name, option.flag);
    }
    for (const auto& [value, flags] : flags_by_value)
      values += fmt::format("    {})\n      {}; return ;;\n", flags, value);
    const std::string flags = "_miaudit_words " + shell_word(flags_of(verb));
    rest += fmt::format("    '{} '{}) {} ;;\n", verb.name, verb.arguments.empty() ? "*" : "-*", flags);
    if (!verb.arguments.empty())
      rest += fmt::format("    '{} '*) {} ;;\n", verb.name, bash_value(verb.arguments[0].value));
  }
  return fmt::format(
      R"(_miaudit_words() {{ mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current"); }}
_miaudit_list() {{
  local before=
  case "$current" in *,*) before="${{current%,*}}," ;; esac
  mapfile -t COMPREPLY < <(compgen -P "$before" -W "$1" -- "${{current##*,}}")
}}
_miaudit_files() {{
  compopt -o filenames 2> /dev/null
  mapfile -t COMPREPLY < <(compgen "$1" -- "$current")
}}
_miaudit() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD - 1]}}" verb="${{COMP_WORDS[1]}}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -lt 2 ]; then
    _miaudit_words {}
    return
  fi
  if [ "$current" = = ]; then
    current=
  elif [ "$previous" = = ]; then
    previous="${{COMP_WORDS[COMP_CWORD - 2]}}"
  fi
  case "$verb $previous" in
{}  esac
  case "$verb $current" in
{}  esac
}}
complete -F _miaudit miaudit
)",
      shell_word(names + "--help --version"), values, rest);
}

// The part of an _arguments specification after its description.
std::string zsh_value(const Value& value) {
  const std::string choices = fmt::format("{}", fmt::join(value.choices, " "));
  switch (value.kind) {
    case Value::Kind::none:
      return "";
    case Value::Kind::choice:
      return value.is_list ? fmt::format(":value:_values -s , value {}", choices) : fmt::format(":value:({})", choices);
    case Value::Kind::file:
      return ":file:_files";
    case Value::Kind::folder:
      return ":folder:_files -/";
    case Value::Kind::free:
      break;
  }
  return ":value: ";
}

std::string zsh(const std::vector<Verb>& verbs) {
  std::string names, cases;
  for (const Verb& verb : verbs) {
    names += fmt::format("\n      {}", shell_word(verb.name + ":" + verb.summary));
    cases += fmt::format("    {})\n      _arguments", verb.name);
    for (const Option& option : verb.options)
      cases += fmt::format(" \\\n        {}",
                           shell_word(fmt::format("{}{}[{}]{}", option.value.is_list ? "*" : "", option.flag,
                                                  replaced(option.summary, "[]:\\", "\\"), zsh_value(option.value))));
    for (size_t i = 0; i < verb.arguments.size(); ++i)
      cases +=
          fmt::format(" \\\n        {}", shell_word(fmt::format("{}{}", i + 1, zsh_value(verb.arguments[i].value))));
    cases += " ;;\n";
  }
  return fmt::format(
      R"(#compdef miaudit
_miaudit() {{
  if (( CURRENT == 2 )); then
    local -a verbs=({})
    _describe verb verbs
    return
  fi
  local verb=$words[2]
  shift words
  (( CURRENT-- ))
  case $verb in
{}  esac
}}
if [ "$funcstack[1]" = _miaudit ]; then _miaudit "$@"; else compdef _miaudit miaudit; fi
)",
      names, cases);
}

std::string fish_word(std::string_view text) {
  return "'" + replaced(text, "'\\", "\\") + "'";
}

std::string fish_value(const Value& value) {
  const std::string choices = fmt::format("{}", fmt::join(value.choices, " "));
  switch (value.kind) {
    case Value::Kind::none:
      return "";
    case Value::Kind::choice:
      return value.is_list ? fmt::format(" -x -a '(__fish_append , {})'", choices)
                           : fmt::format(" -x -a '{}'", choices);
    case Value::Kind::file:
      return " -r -F";
    case Value::Kind::folder:
      return " -x -a '(__fish_complete_directories)'";
    case Value::Kind::free:
      break;
  }
  return " -x";
}

std::string fish(const std::vector<Verb>& verbs) {
  std::string text = "complete -c miaudit -f\n";
  for (const Verb& verb : verbs) {
    const std::string here = fmt::format("complete -c miaudit -n '__fish_seen_subcommand_from {}'", verb.name);
    text +=
        fmt::format("complete -c miaudit -n __fish_use_subcommand -a {} -d {}\n", verb.name, fish_word(verb.summary));
    for (const Option& argument : verb.arguments)
      text +=
          here + (argument.value.kind == Value::Kind::file ? std::string(" -F") : fish_value(argument.value)) + '\n';
    for (const Option& option : verb.options)
      text += fmt::format("{} -l {} -d {}{}\n", here, option.flag.substr(2), fish_word(option.summary),
                          fish_value(option.value));
  }
  return text;
}

}  // namespace

void add_completion(CLI::App& app, Shell&) {
  CLI::App* verb = app.add_subcommand("completion", "Print the completions for a shell");
  verb->footer("Example: miaudit completion bash > /etc/bash_completion.d/miaudit");
  auto shell_name = std::make_shared<std::string>();
  verb->add_option("shell", *shell_name, "Shell to complete in")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  verb->callback([shell_name, &app] {
    const std::vector<Verb> verbs = verbs_of(app);
    print(*shell_name == "bash" ? bash(verbs) : *shell_name == "zsh" ? zsh(verbs) : fish(verbs));
  });
}

}  // namespace miaudit::cli
