#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "cli/emit.h"
#include "cli/options.h"
#include "cli/recipe_options.h"
#include "cli/shadow_request.h"
#include "cli/verbs.h"
#include "miaudit/train/shadow.h"

namespace miaudit::cli {
namespace {

namespace fs = std::filesystem;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// What a plan refers to must be found from anywhere.
std::string absolute(const std::string& path) {
  return path.empty() ? path : fs::absolute(path).lexically_normal().string();
}

}  // namespace

void run_plan(const std::string& run, ShadowPlan plan, const std::function<Recipe(const Dataset&)>& recipe,
              Shell& shell) {
  plan.data.data = absolute(plan.data.data);
  plan.data.labels = absolute(plan.data.labels);
  plan.target_membership = absolute(plan.target_membership);
  plan.target_outputs = absolute(plan.target_outputs);
  const Dataset dataset = read_dataset(plan.data, plan.reading, shell.context());
  if (plan.command.empty()) plan.recipe = recipe(dataset);
  const PlanChange change = write_plan(run, plan, dataset, host_name());
  shell.clear_progress();
  print(fmt::format("{}, {}\n{}: {} of {}\n", dataset.description, counted(dataset.classes, "class", "classes"), run,
                    counted(plan.models, "model"), plan.command.empty() ? plan.recipe.architecture : "a command"));
  if (!change.is_new)
    print(fmt::format("The run was there before: {} finished {} kept, {} stale{}{}\n", change.kept,
                      change.kept == 1 ? "model is" : "models are", change.stale,
                      change.stale > 0 ? " and will be trained again" : "",
                      change.left_out > 0
                          ? fmt::format(", {} left out of this plan (what is done stays in models/)", change.left_out)
                          : ""));
  if (change.overtaken > 0)
    fmt::print(stderr,
               "warning: {} being trained by the plan before this one. Advice: stop those processes; what they finish "
               "by that plan is discarded.\n",
               change.overtaken == 1 ? "1 model is" : fmt::format("{} models are", change.overtaken));
  print(fmt::format("\nTrain them:\n  miaudit shadow train {}\n", run));
}

void run_shadow(const std::string& run, ShadowOptions options, Shell& shell) {
  options.clock = seconds_now;
  options.host = host_name();
  options.tell = [&shell](const std::string& sentence) {
    shell.clear_progress();
    fmt::print(stderr, "{}.\n", sentence);
  };
  const ShadowReport report = train_shadow_models(run, options, shell.context());
  shell.clear_progress();
  for (const auto& [model, text] : report.again) fmt::print(stderr, "Model {} was trained again: {}.\n", model, text);
  std::string others;
  if (report.by_others > 0) others += fmt::format(", {} by another process", report.by_others);
  if (report.discarded > 0) others += fmt::format(", {} discarded: another process was faster", report.discarded);
  if (report.overtaken > 0) others += fmt::format(", {} overtaken by a new plan", report.overtaken);
  print(fmt::format("{} trained, {} done before{}\n", counted(report.trained, "model"), report.done_before, others));
  if (report.trained > 0 && report.samples_per_second > 0)
    print(fmt::format("{} samples a second\n", grouped(static_cast<unsigned long long>(report.samples_per_second))));
  for (const auto& [model, text] : report.failed) fmt::print(stderr, "Model {} failed: {}.\n", model, text);
  if (!report.failed.empty()) {
    fmt::print(stderr, "miaudit: {} failed; mend the cause, then run again with --retry-failed\n",
               counted(report.failed.size(), "model"));
    shell.exit_code = 1;
  }
}

namespace {

void add_run(CLI::App& verb, std::string& run) {
  verb.add_option("run", run, "The run folder")->required()->type_name(kFolderType);
}

struct PlanArguments {
  std::string run;
  ShadowPlan plan;
  RecipeOptions recipe;
};

void add_plan(CLI::App& parent, Shell& shell) {
  CLI::App* verb =
      parent.add_subcommand("plan", "Make a run folder, or change its plan; what is finished and still right stays");
  auto a = std::make_shared<PlanArguments>();
  ShadowPlan& p = a->plan;
  add_run(*verb, a->run);
  add_data_options(*verb, p.data, p.reading);
  verb->add_option("--models", p.models, "How many models; more later keep the first")->check(CLI::Range(1, 100000));
  verb->add_option_function<std::string>(
          "--design",
          [&p](const std::string& name) {
            p.design = name == "pairs" ? Design::pairs : name == "bernoulli" ? Design::bernoulli : Design::disjoint;
          },
          "Who learns what: complementary halves, each record by chance, or each record in one model")
      ->check(CLI::IsMember({"pairs", "bernoulli", "disjoint"}))
      ->default_str("pairs");
  verb->add_option("--member-share", p.member_share, "Chance of a record to be learnt; for --design bernoulli")
      ->check(CLI::Range(0.0, 1.0));
  verb->add_option("--population-share", p.population_share,
                   "Share of the records that no model learns: known non-members")
      ->check(CLI::Range(0.0, 1.0));
  verb->add_option("--test-share", p.test_share, "Share of the records that no model learns, for the models' accuracy")
      ->check(CLI::Range(0.0, 1.0));
  CLI::Option* target = verb->add_option("--target-membership", p.target_membership,
                                         "Model 0 learns these records, 1 or 0 each, and has no partner")
                            ->type_name(kFileType);
  verb->add_option("--target-outputs", p.target_outputs, "Model 0's outputs for all records, trained elsewhere")
      ->type_name(kFileType)
      ->needs(target);
  verb->add_option("--queries", p.queries,
                   "How often each image is asked: as it is; mirrored too; both moved by 4 pixels each way too")
      ->check(CLI::IsMember({1, 2, 18}));
  verb->add_option_function<std::string>(
          "--output-type",
          [&p](const std::string& name) {
            p.output_type = name == "float16" ? ElementType::float16 : ElementType::float32;
          },
          "Of the outputs on disk")
      ->check(CLI::IsMember({"float32", "float16"}))
      ->default_str("float32");
  verb->add_option(
          "--command", p.command,
          "Train with a program of your own: a shell line with {keep} (a .npy of 1 and 0: the records to learn), "
          "{outputs} (the .npy to write: logits [records][classes]), {seed}, {index}, {work} (a folder that stays)")
      ->type_name("TEXT");
  verb->add_option("--seed", p.seed, "Fixes splits, first weights, order and augmentation")->check(seed_number());
  a->recipe.add_to(*verb);
  add_common_options(*verb, shell);
  verb->callback([a, &shell] {
    run_plan(
        a->run, a->plan, [&](const Dataset& dataset) { return a->recipe.recipe(dataset); }, shell);
  });
}

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
  add_run(*verb, a->run);
  verb->add_option("--jobs", a->jobs, "Models at once, each on one core")
      ->check(CLI::Range(1, 1024))
      ->default_str("--threads");
  CLI::Option* index = verb->add_option_function<size_t>(
      "--index", [a](const size_t& value) { a->index = value; },
      "Only model offset + index x chunk, and chunk - 1 after it");
  verb->add_option("--offset", a->offset, "See --index")->needs(index);
  verb->add_option("--chunk", a->chunk, "See --index")->needs(index)->check(CLI::Range(1, 100000));
  verb->add_option("--checkpoint-every", a->checkpoint_every, "Seconds between checkpoints: the most that a kill costs")
      ->check(CLI::Range(0.0, 86400.0))
      ->type_name("FLOAT");
  verb->add_option("--attempts", a->attempts, "How often a command is tried for one model")->check(CLI::Range(1, 100));
  verb->add_flag("--retry-failed", a->retries_failed, "Also models that were given up before");
  add_common_options(*verb, shell);
  verb->callback([a, &shell] { train(*a, shell); });
}

struct StatusArguments {
  std::string run;
  bool is_missing = false, json = false;
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
  size_t counts[5] = {};
  nlohmann::ordered_json models = nlohmann::ordered_json::array();
  for (size_t m = 0; m < all.size(); ++m) {
    ++counts[static_cast<size_t>(all[m].state)];
    nlohmann::ordered_json row = {{"model", m}, {"state", state_name(all[m].state)}};
    if (!all[m].why.empty()) row["why"] = all[m].why;
    if (all[m].has_checkpoint) row["has_checkpoint"] = true;
    models.push_back(std::move(row));
  }
  if (as_json) {
    nlohmann::ordered_json result = {{"schema_version", 1}, {"models", run.models}, {"records", run.records}};
    for (const ModelState state :
         {ModelState::done, ModelState::missing, ModelState::stale, ModelState::broken, ModelState::failed})
      result[state_name(state)] = counts[static_cast<size_t>(state)];
    result["each"] = std::move(models);
    return print(result.dump(2) + "\n");
  }
  std::string text = fmt::format("{}: {} of {} done\n", run.path.string(),
                                 counts[static_cast<size_t>(ModelState::done)], counted(run.models, "model"));
  for (const ModelState state : {ModelState::missing, ModelState::stale, ModelState::broken, ModelState::failed})
    if (const size_t count = counts[static_cast<size_t>(state)])
      text += fmt::format("  {:<8}{}\n", state_name(state), count);
  for (size_t m = 0; m < all.size(); ++m)
    if (!all[m].why.empty()) text += fmt::format("  model {}: {}: {}\n", m, state_name(all[m].state), all[m].why);
  print(text);
}

void add_status(CLI::App& parent, Shell&) {
  CLI::App* verb = parent.add_subcommand("status", "How far the models are, by the files that are there");
  auto a = std::make_shared<StatusArguments>();
  add_run(*verb, a->run);
  verb->add_flag("--missing", a->is_missing, "Only the numbers of models that are not done");
  verb->add_option("--format", a->format, "Of --missing: a number a line, or as sbatch --array takes them: 3,7-9")
      ->check(CLI::IsMember({"list", "slurm"}));
  verb->add_flag("--json", a->json, "As JSON");
  verb->callback([a] {
    const Run run = read_run(a->run);
    const std::vector<ModelStatus> all = all_status(run, false);
    if (!a->is_missing) return print_status(run, all, a->json);
    std::string text;
    for (const size_t m : unfinished(all)) text += fmt::format("{}\n", m);
    print(a->format == "slurm" ? ranges_text(unfinished(all)) + "\n" : text);
  });
}

void add_check(CLI::App& parent, Shell& shell) {
  CLI::App* verb =
      parent.add_subcommand("check", "Verify every file of a run by checksum and shape; exit 1 if one is wrong");
  auto run_path = std::make_shared<std::string>();
  add_run(*verb, *run_path);
  verb->callback([run_path, &shell] {
    const Run run = read_run(*run_path);
    std::vector<ModelStatus> all = all_status(run, true);
    for (size_t m = 0; m < run.models; ++m) {
      if (all[m].state != ModelState::done) continue;
      try {
        read_model_outputs(run, m);
      } catch (const Error& error) {
        all[m] = {ModelState::broken, error.what(), all[m].has_checkpoint};
      }
    }
    print_status(run, all, false);
    for (const ModelStatus& status : all)
      if (status.state == ModelState::broken) shell.exit_code = 1;
  });
}

void add_gc(CLI::App& parent, Shell& shell) {
  CLI::App* verb = parent.add_subcommand("gc", "Remove what dead processes left and finished models no longer need");
  auto run_path = std::make_shared<std::string>();
  add_run(*verb, *run_path);
  verb->callback([run_path, &shell] {
    const Garbage garbage = collect_garbage(*run_path, host_name());
    for (const fs::path& one : garbage.removed) print(one.string() + "\n");
    print(fmt::format("{} removed\n", counted(garbage.removed.size(), "entry", "entries")));
    for (const auto& [path, why] : garbage.left)
      fmt::print(stderr, "miaudit: cannot remove {}: {}\n", path.string(), why);
    if (!garbage.left.empty()) shell.exit_code = 1;
  });
}

void add_emit(CLI::App& parent, Shell&) {
  CLI::App* verb = parent.add_subcommand(
      "emit", "Print a job script that trains what is missing on a cluster, or computes an audit's signals");
  auto options = std::make_shared<EmitOptions>();
  auto run_path = std::make_shared<std::string>();
  verb->add_option("system", options->system, "The cluster's system; sge, htcondor and kubernetes are untested")
      ->required()
      ->check(CLI::IsMember({"slurm", "sge", "htcondor", "kubernetes"}));
  add_run(*verb, *run_path);
  verb->add_option("--verb", options->verb, "What elements do: train models, or `audit --shard`, for slurm")
      ->check(CLI::IsMember({"train", "audit"}));
  verb->add_option("--shards", options->shards, "Elements of an audit")->check(CLI::Range(1, 1000));
  verb->add_option("--time", options->time, "Time limit of an element, as the system writes it")->type_name("TEXT");
  verb->add_option("--cpus", options->cpus, "Cores of an element: models that it trains at once")
      ->check(CLI::Range(1, 1024));
  verb->add_option(
          "--memory", options->memory,
          "Memory of an element, as the system writes it (default: 2G; 3G for an audit, which keeps to 2G by itself)")
      ->type_name("TEXT");
  verb->add_option("--gpus", options->gpus, "Graphics processors of an element; for --command")
      ->check(CLI::Range(0, 64));
  verb->add_option("--chunk", options->chunk, "Models of an element")->check(CLI::Range(1, 100000));
  verb->callback([options, run_path] {
    const Run run = read_run(*run_path);
    options->run = fs::absolute(*run_path).lexically_normal().string();
    print(job_script(*options, run.models, unfinished(all_status(run, false))));
  });
}

}  // namespace

void add_shadow(CLI::App& app, Shell& shell) {
  CLI::App* verb = app.add_subcommand("shadow", "Shadow models: plan, train, resume, check; here or on a cluster");
  verb->require_subcommand(1);
  add_plan(*verb, shell);
  add_train_models(*verb, shell);
  add_status(*verb, shell);
  add_check(*verb, shell);
  add_emit(*verb, shell);
  add_gc(*verb, shell);
}

}  // namespace miaudit::cli
