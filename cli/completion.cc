#include <fmt/format.h>

#include <memory>

#include "cli/verbs.h"

namespace miaudit::cli {
namespace {

// A verb with its long options, as the parser knows them.
struct Verb {
  std::string name;
  std::string summary;
  std::vector<std::pair<std::string, std::string>> options;
};

std::vector<Verb> verbs_of(const CLI::App& app) {
  std::vector<Verb> verbs;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    Verb found{verb->get_name(), verb->get_description(), {}};
    for (const CLI::Option* option : verb->get_options())
      for (const std::string& name : option->get_lnames()) found.options.emplace_back(name, option->get_description());
    verbs.push_back(std::move(found));
  }
  return verbs;
}

std::string words(const Verb& verb) {
  std::string text = verb.name == "list" ? "attacks signals metrics" : verb.name == "completion" ? "bash zsh fish" : "";
  for (const auto& [name, summary] : verb.options) text += " --" + name;
  return text;
}

// Single quotes of a shell cannot hold one another.
std::string quoted(std::string text) {
  std::erase(text, '\'');
  return "'" + text + "'";
}

std::string bash(const std::vector<Verb>& verbs) {
  std::string names, cases;
  for (const Verb& verb : verbs) {
    names += verb.name + ' ';
    cases += fmt::format("    {}) words={} ;;\n", verb.name, quoted(words(verb)));
  }
  return fmt::format(
      "_miaudit() {{\n"
      "  local words={}\n"
      "  if [ \"$COMP_CWORD\" -gt 1 ]; then\n    case \"${{COMP_WORDS[1]}}\" in\n{}    esac\n  fi\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"${{COMP_WORDS[COMP_CWORD]}}\")\n"
      "}}\ncomplete -o default -F _miaudit miaudit\n",
      quoted(names + "--help --version"), cases);
}

std::string zsh(const std::vector<Verb>& verbs) {
  std::string names, cases;
  for (const Verb& verb : verbs) {
    names += fmt::format(" {}", quoted(verb.name + ":" + verb.summary));
    cases += fmt::format("    {}) compadd -- {} ;;\n", verb.name, words(verb));
  }
  return fmt::format(
      "#compdef miaudit\n_miaudit() {{\n"
      "  if (( CURRENT == 2 )); then\n    local -a verbs=({})\n    _describe verb verbs\n    return\n  fi\n"
      "  case $words[2] in\n{}  esac\n  _files\n}}\n"
      "if [ \"$funcstack[1]\" = _miaudit ]; then _miaudit \"$@\"; else compdef _miaudit miaudit; fi\n",
      names, cases);
}

std::string fish(const std::vector<Verb>& verbs) {
  std::string text;
  for (const Verb& verb : verbs) {
    text += fmt::format("complete -c miaudit -n __fish_use_subcommand -a {} -d {}\n", verb.name, quoted(verb.summary));
    for (const auto& [name, summary] : verb.options)
      text += fmt::format("complete -c miaudit -n '__fish_seen_subcommand_from {}' -l {} -d {}\n", verb.name, name,
                          quoted(summary));
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
