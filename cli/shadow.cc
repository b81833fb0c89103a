#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>

#include "cli/options.h"
#include "cli/shadow_request.h"
#include "cli/shadow_verbs.h"
#include "cli/verbs.h"
#include "miaudit/train/shadow.h"

namespace miaudit::cli {
namespace {

namespace fs = std::filesystem;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

void run_shadow(const std::string& run, ShadowOptions options, Shell& shell) {
  options.clock = seconds_now;
  options.host = host_name();
  options.tell = [&shell](const std::string& sentence) {
    shell.clear_progress();
    fmt::print(stderr, "{}.\n", sentence);
  };
  const ShadowReport report = train_shadow_models(run, options, shell.context());
  shell.clear_progress();
  std::string others;
  if (report.by_others > 0) others += fmt::format(", {} by another process", report.by_others);
  if (report.discarded > 0) others += fmt::format(", {} discarded: another process was faster", report.discarded);
  if (report.overtaken > 0) others += fmt::format(", {} overtaken by a new plan", report.overtaken);
  print(fmt::format("{} trained, {} done before{}\n", counted(report.trained, "model"), report.done_before, others));
  if (report.trained > 0 && report.samples_per_second > 0)
    print(fmt::format("{} samples a second\n", grouped(static_cast<unsigned long long>(report.samples_per_second))));
  // What the plan of now asks for is not there; whoever waits for it must not take this for the end.
  if (report.overtaken > 0) shell.exit_code = 75;
  for (const auto& [model, text] : report.failed) fmt::print(stderr, "Model {} failed: {}.\n", model, text);
  if (!report.failed.empty()) {
    fmt::print(stderr, "miaudit: {} failed; mend the cause, then run again with --retry-failed\n",
               counted(report.failed.size(), "model"));
    shell.exit_code = 1;
  }
}

namespace {

struct TrainArguments {
  std::string run;
  size_t jobs = 0;
  std::optional<size_t> index;
  size_t offset = 0, chunk = 1, attempts = 3;
  double checkpoint_every = 60;
  bool retries_failed = false;
};

void train(const TrainArguments& a, Shell& shell) {
  if (!(a.checkpoint_every >= 0)) fail(Category::config, "--checkpoint-every: expected seconds, 0 or more");
  ShadowOptions options;
  options.jobs = a.jobs > 0 ? a.jobs : static_cast<size_t>(shell.threads);
  options.checkpoint_every = a.checkpoint_every;
  options.attempts = a.attempts;
  options.retries_failed = a.retries_failed;
  if (a.index) {
    // The last chunk of an array may reach past the last model.
    const size_t models = read_run(a.run).models, first = a.offset + *a.index * a.chunk;
    for (size_t m = first; m < first + a.chunk; ++m)
      if (m < models || m == first) options.models.push_back(m);
  }
  run_shadow(a.run, options, shell);
}

void add_train_models(CLI::App& parent, Shell& shell) {
  CLI::App* verb = parent.add_subcommand("train", "Train what is missing; start and resume are this same command");
  auto a = std::make_shared<TrainArguments>();
  add_run_option(*verb, a->run);
  verb->add_option("--jobs", a->jobs, "Models at once, each on one core")
      ->check(CLI::Range(1, 1024))
      ->default_str("--threads");
  CLI::Option* index = verb->add_option_function<size_t>(
      "--index", [a](const size_t& value) { a->index = value; },
      "Only model offset + index x chunk, and chunk - 1 after it");
  index->check(CLI::Range(0, 100000));
  verb->add_option("--offset", a->offset, "See --index")->needs(index)->check(CLI::Range(0, 100000));
  verb->add_option("--chunk", a->chunk, "See --index")->needs(index)->check(CLI::Range(1, 100000));
  verb->add_option("--checkpoint-every", a->checkpoint_every, "Seconds between checkpoints: the most that a kill costs")
      ->check(CLI::Range(0.0, 86400.0))
      ->type_name("FLOAT");
  verb->add_option("--attempts", a->attempts, "How often a command is tried for one model")->check(CLI::Range(1, 100));
  verb->add_flag("--retry-failed", a->retries_failed, "Also models that were given up before");
  add_common_options(*verb, shell);
  verb->callback([a, &shell] { train(*a, shell); });
}

void add_gc(CLI::App& parent, Shell& shell) {
  CLI::App* verb = parent.add_subcommand("gc", "Remove what dead processes left and finished models no longer need");
  auto run_path = std::make_shared<std::string>();
  add_run_option(*verb, *run_path);
  verb->callback([run_path, &shell] {
    const Garbage garbage = collect_garbage(*run_path, host_name());
    for (const fs::path& one : garbage.removed) print(one.string() + "\n");
    print(fmt::format("{} removed\n", counted(garbage.removed.size(), "entry", "entries")));
    for (const auto& [path, why] : garbage.left)
      fmt::print(stderr, "miaudit: cannot remove {}: {}\n", path.string(), why);
    if (!garbage.left.empty()) shell.exit_code = 1;
  });
}

}  // namespace

void add_run_option(CLI::App& verb, std::string& run) {
  verb.add_option("run", run, "The run folder")->required()->type_name(kFolderType);
}

void add_shadow(CLI::App& app, Shell& shell) {
  CLI::App* verb = app.add_subcommand("shadow", "Shadow models: plan, train, resume, check; here or on a cluster");
  verb->require_subcommand(1);
  add_shadow_plan(*verb, shell);
  add_train_models(*verb, shell);
  add_shadow_status(*verb, shell);
  add_shadow_check(*verb, shell);
  add_shadow_emit(*verb, shell);
  add_gc(*verb, shell);
}

}  // namespace miaudit::cli
