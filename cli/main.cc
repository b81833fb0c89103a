#include <fmt/format.h>

#include <cstdio>
#include <new>
#include <sstream>

#include "cli/options.h"
#include "cli/usage.h"
#include "cli/verbs.h"
#include "miaudit/base/version.h"
#include "miaudit/io/raw.h"

namespace miaudit::cli {
namespace {

constexpr const char* kFooter =
    "Exit codes: 0 done, 1 failed, 2 bad usage or bad input, 3 a gate was exceeded, 75 checkpointed (run the\n"
    "same again), 130 interrupted.\n"
    "`miaudit VERB --help` shows a verb's options, defaults and ranges.";

// The first `--option=` with nothing behind it, without the =; else "". CLI11 would take the next argument for its
// value.
std::string valueless_option(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--") break;
    if (word.starts_with("--") && word.find('=') == word.size() - 1) return word.substr(0, word.size() - 1);
  }
  return "";
}

int run_verb(CLI::App& app, const Shell& shell, int argc, char** argv) {
  if (const std::string option = valueless_option(argc, argv); !option.empty())
    fail(Category::config,
         "{}= has nothing behind it; expected a value. Was it to come from a variable that is not set?", option);
  try {
    app.parse(argc, argv);
    return shell.exit_code;
  } catch (const CLI::Success& help) {
    // CLI11 would not notice that standard output takes nothing.
    std::ostringstream text;
    app.exit(help, text);
    print(text.str());
    return 0;
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "{}", escaped_lines(usage_message(app, error, argc, argv)));
    return 2;
  }
}

int run_app(Shell& shell, int argc, char** argv) {
  CLI::App app("Tells whether a trained model gives away which records it was trained on.", "miaudit");
  app.set_version_flag("--version", fmt::format("miaudit {}", version()));
  app.footer(kFooter);
  app.require_subcommand(1);
  app.option_defaults()->always_capture_default();
  add_demo(app, shell);
  add_audit(app, shell);
  add_predict(app, shell);
  add_measure(app, shell);
  add_compare(app, shell);
  add_train(app, shell);
  add_shadow(app, shell);
  add_list(app, shell);
  add_doctor(app, shell);
  add_completion(app, shell);
  refuse_slips(app);
  return run_verb(app, shell, argc, argv);
}

int run(int argc, char** argv) {
  Shell shell;
  try {
    return run_app(shell, argc, argv);
  } catch (const Error& error) {
    shell.clear_progress();
    fmt::print(stderr, "miaudit: {}\n", escaped_lines(error.what()));
    return exit_code_of(error.category());
  } catch (const std::bad_alloc&) {
    shell.clear_progress();
    fmt::print(stderr, "miaudit: out of memory; audit fewer records at once, or give the machine more memory\n");
    return 1;
  } catch (const std::exception& error) {
    shell.clear_progress();
    fmt::print(stderr, "miaudit: internal error: {}; please report it\n", error.what());
    return 1;
  }
}

}  // namespace
}  // namespace miaudit::cli

int main(int argc, char** argv) {
  try {
    return miaudit::cli::run(argc, argv);
  } catch (...) {
    return 1;  // nobody takes even what went wrong
  }
}
