#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "cli/audit_request.h"
#include "cli/options.h"
#include "cli/report_folder.h"
#include "cli/shadow_request.h"
#include "cli/train_request.h"
#include "cli/verbs.h"
#include "miaudit/base/shell_word.h"
#include "miaudit/io/file.h"

namespace miaudit::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string data = "/usr/share/datasets/fashion-mnist";
  std::string out = "miaudit-demo";
  uint64_t seed = 0;
  bool is_full = false;
};

/// How a demo trains: few images for models that overfit in seconds, or the classic target.
struct Scale {
  const char* architecture;
  size_t members;
  size_t epochs;
  bool mirror;
  double population_share;  ///< of the images, so that half of the rest are the members
};
constexpr Scale kQuick = {"cnn-small", 5000, 30, false, 5. / 6};
constexpr Scale kFull = {"cnn", 30000, 20, true, 0};
constexpr size_t kShadowModels = 16;

const Scale& scale_of(const Arguments& a) {
  return a.is_full ? kFull : kQuick;
}

Recipe recipe_of(const Scale& scale) {
  Recipe recipe = preset_recipe("images");
  recipe.architecture = scale.architecture;
  recipe.epochs = scale.epochs;
  recipe.mirror = scale.mirror;
  return recipe;
}

bool is_demos(const fs::path& path) {
  const std::string name = path.filename().string();
  return name == "model" || name == "run" || name == "report" || name.starts_with("report.unfinished-") ||
         is_unfinished_file(path);
}

DatasetPaths images_of(const fs::path& folder, const std::string& part) {
  const fs::path images = folder / (part + "-images-idx3-ubyte.gz");
  if (!fs::exists(images))
    fail(Category::input,
         "{} holds no {}; install Debian's package dataset-fashion-mnist, or name the folder with --data",
         folder.string(), images.filename().string());
  return {images.string(), (folder / (part + "-labels-idx1-ubyte.gz")).string()};
}

void train(const Arguments& a, const std::string& model, Shell& shell) {
  const Scale& scale = scale_of(a);
  TrainRequest request;
  request.data = images_of(a.data, "train");
  request.test = images_of(a.data, "t10k");
  request.member_count = scale.members;
  request.recipe = [&scale](const Dataset&) { return recipe_of(scale); };
  request.seed = a.seed;
  request.out = model;
  print(
      fmt::format("$ miaudit train --data {} \\\n    --labels {} \\\n    --test-data {} \\\n    --test-labels {} \\\n"
                  "    --architecture {} --member-count {} --epochs {}{} --seed {} --out {}\n\n",
                  shell_word(request.data.data), shell_word(request.data.labels), shell_word(request.test.data),
                  shell_word(request.test.labels), scale.architecture, scale.members, scale.epochs,
                  scale.mirror ? " --mirror" : "", a.seed, shell_word(request.out)));
  run_train(request, shell);
}

void train_shadows(const Arguments& a, const fs::path& model, const std::string& folder, Shell& shell) {
  const Scale& scale = scale_of(a);
  ShadowPlan plan;
  plan.data = images_of(a.data, "train");
  plan.models = kShadowModels + 1;
  plan.target_membership = (model / "membership.npy").string();
  plan.target_outputs = (model / "outputs.npy").string();
  plan.population_share = scale.population_share;
  plan.seed = a.seed;
  print(fmt::format(
      "\n$ miaudit shadow plan {} --data {} \\\n    --labels {} \\\n    --models {} --target-membership {} \\\n"
      "    --target-outputs {} \\\n    --population-share {} \\\n    --architecture {} --epochs {}{} --seed {}\n\n",
      shell_word(folder), shell_word(plan.data.data), shell_word(plan.data.labels), plan.models,
      shell_word(plan.target_membership), shell_word(plan.target_outputs), plan.population_share, scale.architecture,
      scale.epochs, scale.mirror ? " --mirror" : "", a.seed));
  run_plan(
      folder, plan, [&scale](const Dataset&) { return recipe_of(scale); }, shell);
  print(fmt::format("\n$ miaudit shadow train {}\n\n", shell_word(folder)));
  ShadowOptions options;
  options.jobs = static_cast<size_t>(shell.threads);
  run_shadow(folder, options, shell);
}

int audit(const Arguments& a, const std::string& folder, const std::string& report, Shell& shell) {
  AuditRequest request;
  request.run = folder;
  request.plan.measure.seed = a.seed;
  request.out = report;
  print(fmt::format("\n$ miaudit audit {} --seed {} --out {}\n\n", shell_word(folder), a.seed, shell_word(report)));
  return run_audit(request, shell);
}

void run(const Arguments& a, Shell& shell) {
  const fs::path out = a.out;
  check_own_folder(out, "demo", is_demos);
  ReportFolder::check(out / "report");
  ModelFolder(out / "model").check();
  train(a, (out / "model").string(), shell);
  train_shadows(a, out / "model", (out / "run").string(), shell);
  shell.exit_code = audit(a, (out / "run").string(), (out / "report").string(), shell);
}

}  // namespace

void add_demo(CLI::App& app, Shell& shell) {
  CLI::App* verb =
      app.add_subcommand("demo", "The whole way on Fashion-MNIST: train a model and 16 shadow models, audit it");
  auto a = std::make_shared<Arguments>();
  verb->add_option("--data", a->data, "Folder of Fashion-MNIST's .idx.gz files (Debian: dataset-fashion-mnist)")
      ->type_name(kFolderType);
  verb->add_option("--out", a->out, "Folder for the models and the report")->type_name(kFolderType);
  verb->add_option("--seed", a->seed, "Fixes the members, the training and the audit")->check(seed_number());
  verb->add_flag("--full", a->is_full,
                 "Train the classic target, cnn, on 30 000 images, and its shadow models: minutes");
  add_common_options(*verb, shell);
  verb->callback([a, &shell] { run(*a, shell); });
}

}  // namespace miaudit::cli
