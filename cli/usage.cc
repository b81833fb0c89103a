#include "cli/usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "miaudit/base/error.h"

namespace miaudit::cli {
namespace {

std::vector<std::string> verb_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(verb->get_name());
  return names;
}

std::vector<std::string> option_names(const CLI::App& verb) {
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

/// What takes a value without an option's name before it; null where nothing of this name does.
const CLI::Option* positional(const CLI::App& verb, const std::string& name) {
  for (const CLI::Option* option : verb.get_options())
    if (option->get_positional() && option->get_name(true) == name) return option;
  return nullptr;
}

std::string meant(const std::string& word, const std::vector<std::string>& names) {
  // Cut short rather than misspelt.
  const auto longer = std::ranges::find_if(names, [&](const std::string& name) { return name.starts_with(word); });
  const std::string nearest = word.size() > 3 && longer != names.end() ? *longer : nearest_name(word, names);
  return nearest.empty() ? "" : fmt::format("; did you mean '{}'", nearest);
}

/// The verb that was reached, and how it is called.
struct Reached {
  const CLI::App* verb;
  std::string command;
};

Reached reached(const CLI::App& app) {
  Reached at{&app, app.get_name()};
  while (!at.verb->get_subcommands().empty()) {
    at.verb = at.verb->get_subcommands().back();
    at.command += " " + at.verb->get_name();
  }
  return at;
}

/// The first word that nothing takes, an option before others; else "".
std::string first_unknown(const CLI::App& app, int argc, char** argv) {
  const std::vector<std::string> unknown = app.remaining(true);
  std::string first;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (std::ranges::find(unknown, word) == unknown.end()) continue;
    if (word.starts_with("-")) return word;
    if (first.empty()) first = word;
  }
  return first;
}

std::string about_unknown(const std::string& word, const Reached& at) {
  const std::vector<std::string> verbs = verb_names(*at.verb);
  if (word.starts_with("-")) {
    const std::string name = word.substr(0, word.find('='));
    const std::vector<std::string> options = option_names(*at.verb);
    // A verb was reached that knows it: it stands before that verb.
    if (verbs.empty() && std::ranges::find(options, name) != options.end())
      return fmt::format("{} must come after `{}`", name, at.command);
    if (positional(*at.verb, name.substr(std::min<size_t>(2, name.size()))))
      return fmt::format("`{}` takes this without {} before it", at.command, name);
    return fmt::format("`{}` has no option {}{}{}", at.command, name, meant(name, options),
                       verbs.empty() ? "" : "; options come after a verb");
  }
  if (!verbs.empty()) return fmt::format("unknown verb '{}'{}", word, meant(word, verbs));
  return fmt::format("`{}` takes no '{}' here", at.command, word);
}

/// "second is required", as CLI11 says it, with what that is.
std::string about_missing(const std::string& text, const Reached& at) {
  const size_t name = text.find(" is required");
  const CLI::Option* option = name == std::string::npos ? nullptr : positional(*at.verb, text.substr(0, name));
  if (!option) return text;
  const std::string type = option->get_type_name();
  return fmt::format("`{}` lacks its '{}': {}{}", at.command, text.substr(0, name), option->get_description(),
                     type.find('{') == std::string::npos ? "" : ", one of " + type.substr(type.find('{')));
}

/// "--seed: At Most 1 required but received 2", as CLI11 says it.
std::string about_number(const std::string& text) {
  const size_t at_most = text.find(": At Most 1 required but received ");
  if (at_most == std::string::npos) return text;
  return fmt::format("{} was given more than once; it takes one value", text.substr(0, at_most));
}

/// "what: atacks not in {attacks,signals}", as CLI11 says it, with what was perhaps meant.
std::string about_value(const std::string& text) {
  const size_t colon = text.find(": "), between = text.find(" not in {");
  if (colon == std::string::npos || between == std::string::npos || between < colon) return text;
  const size_t names = between + std::string_view(" not in {").size(), end = text.find('}', names);
  std::vector<std::string> known;
  for (size_t begin = names; begin < end && end != std::string::npos;) {
    const size_t comma = std::min(text.find(',', begin), end);
    known.push_back(text.substr(begin, comma - begin));
    begin = comma + 1;
  }
  return text + meant(text.substr(colon + 2, between - colon - 2), known);
}

}  // namespace

std::string usage_message(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  const Reached at = reached(app);
  const std::vector<std::string> verbs = verb_names(*at.verb);
  const std::string unknown = first_unknown(app, argc, argv);
  std::string what = about_missing(about_number(about_value(error.what())), at);
  if (!unknown.empty())
    what = about_unknown(unknown, at);
  else if (!verbs.empty())
    what = fmt::format("`{}` needs a verb: {}", at.command, fmt::join(verbs, ", "));
  return fmt::format("miaudit: {}; `{} --help` shows all\n", what, at.command);
}

}  // namespace miaudit::cli
