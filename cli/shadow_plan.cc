#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "cli/options.h"
#include "cli/recipe_options.h"
#include "cli/shadow_request.h"
#include "cli/shadow_verbs.h"
#include "miaudit/base/shell_word.h"
#include "miaudit/train/plan.h"

namespace miaudit::cli {
namespace {

namespace fs = std::filesystem;

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
  std::vector<Warning> warnings = dataset.warnings;
  warnings.insert(warnings.end(), change.warnings.begin(), change.warnings.end());
  for (const Warning& warning : warnings)
    fmt::print(stderr, "warning: {}. Advice: {}.\n", warning.message, warning.advice);
  print(fmt::format("\nTrain them:\n  miaudit shadow train {}\n", shell_word(run)));
}

namespace {

struct PlanArguments {
  std::string run;
  ShadowPlan plan;
  RecipeOptions recipe;
};

// An option that nothing listens to is a slip.
void refuse_idle_options(const CLI::App& verb, const PlanArguments& a) {
  const ShadowPlan& plan = a.plan;
  if (plan.design != Design::bernoulli && verb.count("--member-share") > 0)
    fail(Category::config, "--member-share goes with --design bernoulli; leave it out, or name that design");
  if (verb.count("--command") == 0) return;
  if (plan.command.empty()) fail(Category::config, "--command: expected a shell line, found nothing");
  if (verb.count("--output-type") > 0)
    fail(Category::config, "--output-type has no meaning for --command, which writes its outputs itself; leave it out");
  if (const std::string flag = a.recipe.first_given(); !flag.empty())
    fail(Category::config, "{} has no meaning for --command, which trains by itself; leave it out", flag);
}

}  // namespace

void add_shadow_plan(CLI::App& parent, Shell& shell) {
  CLI::App* verb =
      parent.add_subcommand("plan", "Make a run folder, or change its plan; what is finished and still right stays");
  auto a = std::make_shared<PlanArguments>();
  ShadowPlan& p = a->plan;
  add_run_option(*verb, a->run);
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
          "{outputs} (the .npy to write: logits [records][classes], or [records][queries][classes] with --queries "
          "above 1), {seed}, {index}, {work} (a folder with what the last attempt left there). Placeholders are quoted "
          "already: write them without quotes. Relative paths start where `shadow train` is started")
      ->type_name("TEXT");
  verb->add_option("--seed", p.seed, "Fixes splits, first weights, order and augmentation")->check(seed_number());
  a->recipe.add_to(*verb);
  add_common_options(*verb, shell);
  verb->callback([a, verb, &shell] {
    refuse_idle_options(*verb, *a);
    run_plan(
        a->run, a->plan, [&](const Dataset& dataset) { return a->recipe.recipe(dataset); }, shell);
  });
}

}  // namespace miaudit::cli
