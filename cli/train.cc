#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "cli/options.h"
#include "cli/recipe_options.h"
#include "cli/train_request.h"
#include "cli/verbs.h"
#include "miaudit/base/shell_word.h"

namespace miaudit::cli {
namespace {

struct Arguments {
  TrainRequest request;
  RecipeOptions recipe;
};

void run(const Arguments& a, Shell& shell) {
  TrainRequest request = a.request;
  request.recipe = [&a](const Dataset& dataset) { return a.recipe.recipe(dataset); };
  if (run_train(request, shell).nonmembers.count == 0) return;
  const std::filesystem::path folder = request.out;
  print(fmt::format("\nAudit it:\n  miaudit audit --outputs {} \\\n    --labels {} --membership {}\n",
                    shell_word((folder / "outputs.npy").string()), shell_word((folder / "labels.npy").string()),
                    shell_word((folder / "membership.npy").string())));
}

void add_member_options(CLI::App& verb, TrainRequest& request) {
  CLI::Option* file =
      verb.add_option("--membership", request.membership, "Which records to learn: 1 or 0 each")->type_name(kFileType);
  CLI::Option* count =
      verb.add_option("--member-count", request.member_count, "How many records to learn, drawn by the seed")
          ->check(CLI::Range(size_t{2}, size_t{4294967294}))
          ->type_name("INT")
          ->default_str("by the share")
          ->excludes(file);
  verb.add_option("--member-share", request.member_share, "Share of the records to learn, drawn by the seed")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("FLOAT:above 0 to 1")
      ->excludes(file)
      ->excludes(count);
}

}  // namespace

void add_train(CLI::App& app, Shell& shell) {
  CLI::App* verb = app.add_subcommand(
      "train", "Train one model; its weights and its outputs for all records are written, ready for an audit");
  auto a = std::make_shared<Arguments>();
  TrainRequest& request = a->request;
  add_data_options(*verb, request.data, request.reading);
  add_member_options(*verb, request);
  CLI::Option* test = verb->add_option("--test-data", request.test.data, "Further records to ask the model about")
                          ->type_name(kFileType);
  verb->add_option("--test-labels", request.test.labels, "Their classes")->type_name(kFileType)->needs(test);
  verb->add_option("--queries", request.queries,
                   "How often each image is asked: as it is; mirrored too; both moved by 4 pixels each way too")
      ->check(CLI::IsMember({1, 2, 18}));
  a->recipe.add_to(*verb);
  verb->add_option("--out", request.out, "Folder for the model and its outputs")->required()->type_name(kFolderType);
  verb->add_option("--seed", request.seed, "Fixes members, first weights, order and augmentation")
      ->check(seed_number());
  verb->add_option("--checkpoint-every", request.checkpoint_every,
                   "Seconds between checkpoints, from which the same command goes on")
      ->check(CLI::Range(0.0, 86400.0))
      ->type_name("FLOAT");
  add_common_options(*verb, shell);
  verb->callback([a, &shell] { run(*a, shell); });
}

}  // namespace miaudit::cli
