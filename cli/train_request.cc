#include "cli/train_request.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <optional>

#include "miaudit/metric/interval.h"
#include "miaudit/train/model_folder.h"

namespace miaudit::cli {
namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<uint32_t> read_members(const std::string& path, size_t records) {
  std::vector<FileRecord> files;
  const std::vector<int8_t> membership = read_membership(path, files);
  if (membership.size() != records)
    fail(Category::input, "{} holds {} but the data {}; both must list the same records in the same order", path,
         counted(membership.size(), "membership"), counted(records, "record"));
  std::vector<uint32_t> members;
  for (size_t i = 0; i < records; ++i) {
    if (membership[i] < 0)
      fail(Category::input, "{}: row {} is unknown (-1); training needs 1 (to learn) or 0 for every record", path, i);
    if (membership[i] == 1) members.push_back(static_cast<uint32_t>(i));
  }
  return members;
}

std::vector<uint32_t> members_of(const TrainRequest& request, size_t records) {
  if (!request.membership.empty()) return read_members(request.membership, records);
  if (request.member_count > records)
    fail(Category::config, "--member-count {}: the data hold only {}", request.member_count,
         counted(records, "record"));
  if (!(request.member_share > 0 && request.member_share <= 1))
    fail(Category::config, "--member-share {}: expected above 0 and at most 1", request.member_share);
  const auto share = static_cast<size_t>(std::llround(request.member_share * static_cast<double>(records)));
  return draw_members(records, request.member_count > 0 ? request.member_count : share, request.seed, 0);
}

std::string accuracy_line(const char* what, const Answers& answers) {
  if (answers.count == 0) return "";
  const Estimate share = proportion_estimate(answers.right, answers.count, 0.95);
  return fmt::format("  {:<12}{:.2f} % [{:.2f}, {:.2f}] of {}\n", what, 100 * *share.value, 100 * *share.low,
                     100 * *share.high, grouped(answers.count));
}

void print_figures(const ModelFigures& figures) {
  print("Accuracy, with 95 % intervals:\n" + accuracy_line("members", figures.members) +
        accuracy_line("non-members", figures.nonmembers) + accuracy_line("test", figures.test));
}

void show_warnings(const Dataset& dataset) {
  for (const Warning& warning : dataset.warnings)
    fmt::print(stderr, "warning: {}. Advice: {}.\n", warning.message, warning.advice);
}

}  // namespace

ModelFigures run_train(const TrainRequest& request, Shell& shell) {
  if (!(request.checkpoint_every >= 0)) fail(Category::config, "--checkpoint-every: expected seconds, 0 or more");
  const Context context = shell.context();
  const ModelFolder folder(request.out);
  folder.check();
  DatasetOptions reading = request.reading;
  reading.holding = Holding::copied;
  const Dataset dataset = read_dataset(request.data, reading, context);
  std::optional<Dataset> test;
  if (!request.test.data.empty()) test = read_dataset_like(dataset, request.test, reading, context);
  const TrainingJob job{request.recipe(dataset), request.seed, 0, members_of(request, dataset.size())};
  check_trainable(job, dataset);
  asked_views(job.recipe, request.queries, dataset);

  shell.clear_progress();
  print(fmt::format("{}, {}; {} to learn, {} of {}\n", dataset.description,
                    counted(dataset.classes, "class", "classes"), grouped(job.members.size()),
                    counted(job.recipe.epochs, job.recipe.architecture == "gbdt" ? "round" : "epoch"),
                    job.recipe.architecture));
  show_warnings(dataset);
  if (test) show_warnings(*test);
  const ModelQuestions questions{request.queries, test ? &*test : nullptr};
  std::string why_not;
  if (const auto figures = folder.finished(dataset, job, questions, why_not)) {
    print(fmt::format("{} holds this very model already: nothing to do.\n", request.out));
    print_figures(*figures);
    return *figures;
  }
  if (!why_not.empty()) fmt::print(stderr, "Training again: {}.\n", why_not);

  folder.start();
  const double start = seconds_now();
  const Keeping keeping{folder.checkpoint(), request.checkpoint_every, seconds_now,
                        [](const std::string& text) { fmt::print(stderr, "{}.\n", text); }};
  const std::unique_ptr<TrainedModel> model = train_model(dataset, job, keeping, context);
  const double trained = seconds_now() - start;
  shell.clear_progress();
  const ModelFigures figures = folder.write(dataset, job, questions, *model, context);
  shell.clear_progress();
  const EpochFigures& last = figures.history.back();
  print(fmt::format("Trained in {:.1f} s; last epoch: loss {:.4f}, accuracy {:.2f} %\n", trained, last.loss,
                    100 * last.accuracy));
  print_figures(figures);
  return figures;
}

}  // namespace miaudit::cli
