#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <numeric>

#include "cli/options.h"
#include "cli/recipe_options.h"
#include "cli/report_folder.h"
#include "cli/verbs.h"
#include "miaudit/metric/interval.h"
#include "miaudit/train/model_folder.h"

namespace miaudit::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  DataOptions data;
  RecipeOptions recipe;
  DatasetPaths test;
  std::string membership, out;
  double member_share = 0.5;
  size_t queries = 1;
  uint64_t seed = 0;
  double checkpoint_every = 60;
};

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<uint32_t> members_of(const Arguments& a, const Dataset& dataset) {
  const size_t records = dataset.size();
  if (a.membership.empty()) {
    const auto count = static_cast<size_t>(a.member_share * static_cast<double>(records) + 0.5);
    if (count < 2)
      fail(Category::config, "--member-share {} of {} leaves {} to learn; raise it", a.member_share,
           counted(records, "record"), count);
    return draw_members(records, count, a.seed, 0);
  }
  std::vector<FileRecord> files;
  const std::vector<int8_t> membership = read_membership(a.membership, files);
  if (membership.size() != records)
    fail(Category::input, "{} holds {} but the data {}; both must list the same records in the same order",
         a.membership, counted(membership.size(), "membership"), counted(records, "record"));
  std::vector<uint32_t> members;
  for (size_t i = 0; i < records; ++i) {
    if (membership[i] < 0)
      fail(Category::input, "{}: row {} is unknown (-1); training needs 1 (to learn) or 0 for every record",
           a.membership, i);
    if (membership[i] == 1) members.push_back(static_cast<uint32_t>(i));
  }
  if (members.size() < 2)
    fail(Category::input, "{} names {} to learn; expected 2 or more", a.membership, counted(members.size(), "record"));
  return members;
}

std::string accuracy_line(const char* what, const Answers& answers) {
  if (answers.count == 0) return "";
  const Estimate share = proportion_estimate(answers.right, answers.count, 0.95);
  return fmt::format("  {:<12}{:.2f} % [{:.2f}, {:.2f}] of {}\n", what, 100 * *share.value, 100 * *share.low,
                     100 * *share.high, grouped(answers.count));
}

void print_figures(const ModelFigures& figures) {
  std::string text = "Accuracy, with 95 % intervals:\n";
  text += accuracy_line("members", figures.members);
  text += accuracy_line("non-members", figures.nonmembers);
  text += accuracy_line("test", figures.test);
  print(text);
}

void print_next_step(const ModelFigures& figures, const std::string& out) {
  if (figures.nonmembers.count == 0) return;
  const fs::path folder = out;
  print(fmt::format("\nAudit it:\n  miaudit audit --outputs {} \\\n    --labels {} --membership {}\n",
                    (folder / "outputs.npy").string(), (folder / "labels.npy").string(),
                    (folder / "membership.npy").string()));
}

void show_warnings(const Dataset& dataset) {
  for (const Warning& warning : dataset.warnings)
    fmt::print(stderr, "warning: {}. Advice: {}.\n", warning.message, warning.advice);
}

void run(const Arguments& a, Shell& shell) {
  const Context context = shell.context();
  check_own_folder(a.out, "train",
                   [](const fs::path& path) { return ModelFolder::is_own(path) || is_unfinished_file(path); });
  const Dataset dataset = read_dataset(a.data.paths, a.data.reading, context);
  std::optional<Dataset> test;
  if (!a.test.data.empty()) test = read_dataset_like(dataset, a.test, a.data.reading, context);
  query_views(a.queries, dataset.shape);

  const TrainingJob job{a.recipe.recipe(dataset), a.seed, 0, members_of(a, dataset)};
  check_trainable(job.recipe, dataset);
  shell.clear_progress();
  print(fmt::format("{}, {}; {} to learn, {} epochs of {}\n", dataset.description,
                    counted(dataset.classes, "class", "classes"), grouped(job.members.size()), job.recipe.epochs,
                    job.recipe.architecture));
  show_warnings(dataset);
  if (test) show_warnings(*test);

  const ModelFolder folder(a.out);
  const ModelQuestions questions{a.queries, test ? &*test : nullptr};
  std::string why_not;
  if (const auto figures = folder.finished(dataset, job, questions, why_not)) {
    print(fmt::format("{} holds this very model already: nothing to do.\n", a.out));
    print_figures(*figures);
    return print_next_step(*figures, a.out);
  }
  if (!why_not.empty()) fmt::print(stderr, "Training again: {}.\n", why_not);

  folder.start();
  const double start = seconds_now();
  const Training training = train_model(dataset, job, {folder.checkpoint(), a.checkpoint_every, seconds_now}, context);
  const double trained = seconds_now() - start;
  shell.clear_progress();
  if (!training.resumed.empty()) fmt::print(stderr, "Training {}.\n", training.resumed);
  const ModelFigures figures = folder.write(dataset, job, questions, *training.model, context);
  shell.clear_progress();
  const EpochFigures& last = figures.history.back();
  print(fmt::format("Trained in {:.1f} s; last epoch: loss {:.4f}, accuracy {:.2f} %\n", trained, last.loss,
                    100 * last.accuracy));
  print_figures(figures);
  print_next_step(figures, a.out);
}

}  // namespace

void add_train(CLI::App& app, Shell& shell) {
  CLI::App* verb = app.add_subcommand(
      "train", "Trains one model, and writes its weights and its outputs for all records, ready to be audited");
  auto a = std::make_shared<Arguments>();
  add_data_options(*verb, a->data);
  verb->add_option("--membership", a->membership, "Which records to learn: 1 or 0 each")->type_name(kFileType);
  verb->add_option("--member-share", a->member_share, "Share of the records to learn, drawn by the seed")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("FLOAT:above 0 to 1")
      ->excludes("--membership");
  verb->add_option("--test-data", a->test.data, "Further records to ask the model about")->type_name(kFileType);
  verb->add_option("--test-labels", a->test.labels, "Their classes")->type_name(kFileType)->needs("--test-data");
  verb->add_option("--queries", a->queries,
                   "How often each image is asked: as it is; mirrored too; both moved by 4 pixels each way too")
      ->check(CLI::IsMember({1, 2, 18}));
  a->recipe.add_to(*verb);
  verb->add_option("--out", a->out, "Folder for the model and its outputs")->required()->type_name(kFolderType);
  verb->add_option("--seed", a->seed, "Fixes members, first weights, order and augmentation");
  verb->add_option("--checkpoint-every", a->checkpoint_every,
                   "Seconds between checkpoints, from which the same command goes on")
      ->check(CLI::Range(0.0, 86400.0))
      ->type_name("FLOAT");
  add_common_options(*verb, shell);
  verb->callback([a, &shell] { run(*a, shell); });
}

}  // namespace miaudit::cli
