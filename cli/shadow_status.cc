#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/emit.h"
#include "cli/options.h"
#include "cli/shadow_verbs.h"
#include "miaudit/data/model_status.h"
#include "miaudit/io/json.h"
#include "miaudit/train/check.h"
#include "miaudit/train/plan.h"

namespace miaudit::cli {
namespace {

struct StatusArguments {
  std::string run;
  bool is_missing = false, json = false, verify = false;
  size_t chunk = 1;
  std::string format = "list";
};

std::vector<size_t> unfinished(const std::vector<ModelStatus>& all) {
  std::vector<size_t> models;
  for (size_t m = 0; m < all.size(); ++m)
    if (all[m].state != ModelState::done) models.push_back(m);
  return models;
}

std::vector<ModelStatus> all_status(const Run& run, bool is_thorough) {
  std::vector<ModelStatus> all;
  for (size_t m = 0; m < run.models; ++m) all.push_back(model_status(run, m, is_thorough));
  return all;
}

void print_status(const Run& run, const std::vector<ModelStatus>& all, bool as_json) {
  const EpochsKept epochs = epochs_kept(run, all);
  size_t counts[5] = {};
  nlohmann::ordered_json models = nlohmann::ordered_json::array();
  for (size_t m = 0; m < all.size(); ++m) {
    ++counts[static_cast<size_t>(all[m].state)];
    nlohmann::ordered_json row = {{"model", m}, {"state", state_name(all[m].state)}};
    if (!all[m].why.empty()) row["why"] = all[m].why;
    if (all[m].has_checkpoint) row["has_checkpoint"] = true;
    if (epochs.done[m]) row["epochs_done"] = *epochs.done[m];
    models.push_back(std::move(row));
  }
  if (as_json) {
    nlohmann::ordered_json result = {{"schema_version", 1}, {"models", run.models}, {"records", run.records}};
    if (epochs.planned > 0) result["epochs"] = epochs.planned;
    for (const ModelState state :
         {ModelState::done, ModelState::missing, ModelState::stale, ModelState::broken, ModelState::failed})
      result[state_name(state)] = counts[static_cast<size_t>(state)];
    result["each"] = std::move(models);
    return print(json_text(result, 2));
  }
  std::string text = fmt::format("{}: {} of {} done\n", run.path.string(),
                                 counts[static_cast<size_t>(ModelState::done)], counted(run.models, "model"));
  for (const ModelState state : {ModelState::missing, ModelState::stale, ModelState::broken, ModelState::failed})
    if (const size_t count = counts[static_cast<size_t>(state)])
      text += fmt::format("  {:<8}{}\n", state_name(state), count);
  for (size_t m = 0; m < all.size(); ++m) {
    if (epochs.done[m]) text += fmt::format("  model {}: {} of {} epochs\n", m, *epochs.done[m], epochs.planned);
    if (!all[m].why.empty()) text += fmt::format("  model {}: {}: {}\n", m, state_name(all[m].state), all[m].why);
  }
  print(text);
}

}  // namespace

void add_shadow_status(CLI::App& parent, Shell&) {
  CLI::App* verb = parent.add_subcommand("status", "How far the models are, by the files that are there");
  auto a = std::make_shared<StatusArguments>();
  add_run_option(*verb, a->run);
  CLI::Option* missing = verb->add_flag("--missing", a->is_missing, "Only the numbers of models that are not done");
  verb->add_option("--format", a->format, "Of --missing: a number a line, or as sbatch --array takes them: 3,7-9")
      ->check(CLI::IsMember({"list", "slurm"}))
      ->needs(missing);
  verb->add_option("--chunk", a->chunk,
                   "Of --missing: elements of so many models, as emit --chunk made them, in place of models")
      ->check(CLI::Range(1, 100000))
      ->needs(missing);
  verb->add_flag("--json", a->json, "As JSON")->excludes(missing);
  verb->add_flag("--verify", a->verify, "Read every file and compare checksums, not sizes alone");
  verb->callback([a] {
    const Run run = read_run(a->run);
    const std::vector<ModelStatus> all = all_status(run, a->verify);
    if (!a->is_missing) return print_status(run, all, a->json);
    const std::vector<size_t> elements = elements_of(unfinished(all), a->chunk);
    std::string text;
    for (const size_t element : elements) text += fmt::format("{}\n", element);
    if (a->format == "slurm" && !elements.empty()) text = ranges_text(elements) + "\n";
    print(text);
  });
}

void add_shadow_check(CLI::App& parent, Shell& shell) {
  CLI::App* verb = parent.add_subcommand(
      "check", "Verify every file of a run by checksum and shape; exit 1 if one is wrong or a model was given up");
  auto path = std::make_shared<std::string>();
  add_run_option(*verb, *path);
  add_common_options(*verb, shell);
  verb->callback([path, &shell] {
    if (!was_planned(*path)) read_run_file(*path);  // What is no run at all is a slip of the caller's.
    std::optional<Run> run;
    RunCheck check;
    try {
      run = read_run(*path);
      check = check_run(*run, shell.context());
    } catch (const Error& error) {
      if (error.category() != Category::input) throw;
      shell.clear_progress();
      print(fmt::format("{}\n", error.what()));
      shell.exit_code = 1;
      return;
    }
    shell.clear_progress();
    print_status(*run, check.models, false);
    for (const std::string& sentence : check.data) print(fmt::format("  data: {}\n", sentence));
    if (!check.is_sound) shell.exit_code = 1;
  });
}

namespace {

/// For training a run's models, `jobs` at once.
std::string memory_for(const Run& run, size_t jobs) {
  constexpr uint64_t kLeast = 2, kRoom = 1;  // GiB
  const uint64_t bytes = training_memory(run, read_plan(run.path), planned_identity(run.path), jobs);
  return fmt::format("{}G", std::max(kLeast, kRoom + (bytes >> 30) + 1));
}

// An option that nothing listens to is a slip.
void refuse_idle_options(const CLI::App& verb, const EmitOptions& options) {
  const auto refuse = [&](const char* flag, const char* with) {
    if (verb.count(flag) > 0) fail(Category::config, "{} goes with {}; leave it out", flag, with);
  };
  if (options.system != "slurm" && options.system != "sge") refuse("--time", "slurm and sge");
  if (options.verb == "audit") refuse("--chunk", "--verb train");
  if (options.verb == "train") refuse("--shards", "--verb audit");
}

}  // namespace

void add_shadow_emit(CLI::App& parent, Shell&) {
  CLI::App* verb = parent.add_subcommand(
      "emit", "Print a job script that trains what is missing on a cluster, or computes an audit's signals");
  auto options = std::make_shared<EmitOptions>();
  auto run_path = std::make_shared<std::string>();
  verb->add_option("system", options->system, "The cluster's system; sge, htcondor and kubernetes are untested")
      ->required()
      ->check(CLI::IsMember({"slurm", "sge", "htcondor", "kubernetes"}));
  add_run_option(*verb, *run_path);
  verb->add_option("--verb", options->verb, "What elements do: train models, or `audit --shard`, for slurm")
      ->check(CLI::IsMember({"train", "audit"}));
  verb->add_option("--shards", options->shards, "Elements of an audit")->check(CLI::Range(1, 1000));
  verb->add_option("--time", options->time, "Time limit of an element, of slurm and sge: 4h, 1d12h, 90m or 04:00:00")
      ->type_name("TEXT");
  verb->add_option("--cpus", options->cpus, "Cores of an element: models that it trains at once")
      ->check(CLI::Range(1, 1024));
  verb->add_option("--memory", options->memory,
                   "Memory of an element, a number with K, M, G or T (default: 2G, more where the data take more; 3G "
                   "for an audit, "
                   "which keeps to 2G by itself)")
      ->type_name("TEXT");
  verb->add_option("--gpus", options->gpus, "Graphics processors of an element; for --command")
      ->check(CLI::Range(0, 64));
  verb->add_option("--chunk", options->chunk, "Models of an element")->check(CLI::Range(1, 100000));
  verb->callback([options, run_path, verb] {
    refuse_idle_options(*verb, *options);
    const Run run = read_run(*run_path);
    if (!run.units.empty()) options->least_memory = memory_for(run, options->cpus);
    options->run = std::filesystem::absolute(*run_path).lexically_normal().string();
    print(job_script(*options, run.models, run.records, unfinished(all_status(run, false))));
  });
}

}  // namespace miaudit::cli
