#include <cmath>

#include "miaudit/engine/loss.h"
#include "miaudit/learn/boosting.h"
#include "miaudit/train/draws.h"
#include "miaudit/train/trainers.h"

namespace miaudit {
namespace {

std::vector<float> rows_of(const Dataset& dataset, std::span<const uint32_t> records) {
  const size_t width = dataset.shape.size();
  std::vector<float> rows(records.size() * width);
  Reader reader(dataset, Padding::zero);
  for (size_t i = 0; i < records.size(); ++i) reader.read(records[i], {}, std::span(rows).subspan(i * width, width));
  return rows;
}

class TreesModel final : public TrainedModel {
 public:
  explicit TreesModel(std::unique_ptr<ClassTrees> trees) : trees_(std::move(trees)) {}

  void logits(const Dataset& dataset, std::span<const uint32_t> records, std::span<const View> queries,
              std::span<float> out, const Context& context) const override {
    if (queries.size() != 1) fail(Category::config, "gbdt: rows of a table have one query each");
    context.report("asking", 0, records.size());
    const std::vector<float> rows = rows_of(dataset, records);
    trees_->logits({rows.data(), records.size(), dataset.shape.size()}, out);
  }

  std::vector<NamedArray> weights() const override {
    std::vector<uint8_t> json = trees_->json();
    const size_t size = json.size();
    return {{"xgboost_json", Array::from(std::move(json), {size})}};
  }

  void look_back(const Dataset& dataset, const TrainingJob& job, const Context& context) {
    std::vector<float> margins(job.members.size() * dataset.classes), gradient(margins.size());
    std::vector<int32_t> labels;
    for (const uint32_t member : job.members) labels.push_back(dataset.labels[member]);
    const View plain;
    logits(dataset, job.members, std::span(&plain, 1), margins, context);
    const BatchLoss loss = softmax_cross_entropy(margins, labels, dataset.classes, 0, gradient);
    const double count = static_cast<double>(job.members.size());
    history_.push_back({loss.sum / count, static_cast<double>(loss.correct) / count});
  }

 private:
  std::unique_ptr<ClassTrees> trees_;
};

}  // namespace

void check_trees(const Recipe& recipe) {
  if (recipe.mirror || recipe.shift > 0)
    fail(Category::config, "gbdt learns from rows of numbers; --mirror and --shift are for networks");
  if (recipe.precision != Precision::float32) fail(Category::config, "gbdt has no --precision");
  if (!recipe.widths.empty()) fail(Category::config, "--widths: gbdt has no layers; use mlp");
}

std::unique_ptr<TrainedModel> train_trees(const Dataset& dataset, const TrainingJob& job, const Context& context) {
  const std::vector<float> rows = rows_of(dataset, job.members);
  std::vector<int32_t> labels;
  for (const uint32_t member : job.members) labels.push_back(dataset.labels[member]);
  BoostingOptions options;
  options.rounds = job.recipe.epochs;
  options.learning_rate = job.recipe.optimizer.rate;
  options.max_depth = job.recipe.max_depth;
  options.seed = draws_of(job.seed, job.model, Draw::trees)();
  auto model = std::make_unique<TreesModel>(fit_class_trees({rows.data(), job.members.size(), dataset.shape.size()},
                                                            labels, dataset.classes, options, context));
  model->look_back(dataset, job, context);
  return model;
}

}  // namespace miaudit
