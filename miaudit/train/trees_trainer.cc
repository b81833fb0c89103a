#include <fmt/format.h>

#include "miaudit/engine/loss.h"
#include "miaudit/learn/boosting.h"
#include "miaudit/train/checkpoint.h"
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
              std::span<float> out, const Context& context, const Asking&) const override {
    if (queries.size() != 1) fail(Category::config, "gbdt: rows of a table have one query each");
    // XGBoost's own copy of what it is asked takes several times its size.
    constexpr size_t kAskedAtOnce = 8192;
    for (size_t begin = 0; begin < records.size(); begin += kAskedAtOnce) {
      context.report("asking", begin, records.size());
      const size_t count = std::min(kAskedAtOnce, records.size() - begin);
      const std::vector<float> rows = rows_of(dataset, records.subspan(begin, count));
      trees_->logits({rows.data(), count, dataset.shape.size()},
                     out.subspan(begin * dataset.classes, count * dataset.classes));
    }
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
    logits(dataset, job.members, std::span(&plain, 1), margins, context, {});
    const BatchLoss loss = softmax_cross_entropy(margins, labels, dataset.classes, 0, gradient);
    const double count = static_cast<double>(job.members.size());
    history_.push_back({loss.sum / count, static_cast<double>(loss.correct) / count});
  }

 private:
  std::unique_ptr<ClassTrees> trees_;
};

constexpr const char* kTrees = "trees/xgboost_json";

/// A checkpoint whose epochs are rounds and whose one tensor is the trees that they made.
class TreesCheckpoint {
 public:
  TreesCheckpoint(std::string fingerprint, const Keeping& keeping)
      : fingerprint_(std::move(fingerprint)), keeping_(keeping) {}

  void write(size_t rounds, const ClassTrees& trees) const {
    Checkpoint checkpoint;
    checkpoint.fingerprint = fingerprint_;
    checkpoint.engine = boosting_name();
    checkpoint.epoch = rounds;
    std::vector<uint8_t> json = trees.json();
    const size_t size = json.size();
    checkpoint.tensors.push_back({kTrees, Array::from(std::move(json), {size})});
    write_checkpoint(keeping_.checkpoint, checkpoint);
  }

  /// What there is to go on from; `told` says what came of it.
  BoostingParts read(size_t rounds, std::string& told) const {
    std::string why_not;
    const std::optional<Checkpoint> found =
        read_checkpoint(keeping_.checkpoint, fingerprint_, boosting_name(), why_not);
    if (found && (found->epoch > rounds || found->tensors.size() != 1 || found->tensors.front().name != kTrees ||
                  found->tensors.front().array.type() != ElementType::uint8))
      why_not = "the checkpoint cannot be used: it does not hold the trees of so many rounds";
    if (!why_not.empty()) told = "Training from the start: " + why_not;
    if (!found || !why_not.empty()) return {};
    told = found->epoch == rounds ? "Training was done; only the outputs were missing"
                                  : fmt::format("Training went on from round {}", found->epoch + 1);
    const std::span<const uint8_t> json = found->tensors.front().array.as<uint8_t>();
    return {found->epoch, {json.begin(), json.end()}, {}};
  }

 private:
  std::string fingerprint_;
  const Keeping& keeping_;
};

}  // namespace

void check_trees(const Recipe& recipe) {
  if (recipe.mirror || recipe.shift > 0)
    fail(Category::config, "gbdt learns from rows of numbers; --mirror and --shift are for networks");
  if (recipe.precision != Precision::float32) fail(Category::config, "gbdt has no --precision");
  if (!recipe.widths.empty()) fail(Category::config, "--widths: gbdt has no layers; use mlp");
}

std::unique_ptr<TrainedModel> train_trees(const Dataset& dataset, const TrainingJob& job, const Keeping& keeping,
                                          const Context& context) {
  std::vector<int32_t> labels;
  for (const uint32_t member : job.members) labels.push_back(dataset.labels[member]);
  BoostingOptions options;
  options.rounds = job.recipe.epochs;
  options.learning_rate = job.recipe.optimizer.rate;
  options.max_depth = job.recipe.max_depth;
  options.seed = draws_of(job.seed, job.model, Draw::trees)();

  const TreesCheckpoint checkpoint(fingerprint(job, dataset), keeping);
  CheckpointTimer timer(keeping);
  std::string found;
  BoostingParts parts = checkpoint.read(options.rounds, found);
  parts.before_round = [&](size_t done, const ClassTrees& trees) {
    const bool is_cancelled = context.cancelled && context.cancelled->load(std::memory_order_relaxed);
    if ((is_cancelled && !keeping.checkpoint.empty()) || timer.is_due()) checkpoint.write(done, trees);
    if (is_cancelled && !keeping.checkpoint.empty())
      fail(Category::checkpointed, "stopped after {} of {}; what was done is kept in {}. Run the same again to go on",
           done, counted(options.rounds, "round"), keeping.checkpoint.string());
  };
  const auto fit = [&] {
    return fit_class_trees(rows_of(dataset, job.members), labels, dataset.classes, options, context, parts);
  };
  const auto tell = [&] {
    if (!found.empty() && keeping.tell) keeping.tell(found);
  };
  tell();
  std::unique_ptr<ClassTrees> trees;
  try {
    trees = fit();
  } catch (const Error& error) {
    if (error.category() != Category::input || parts.done == 0) throw;
    found = fmt::format("Training from the start: the checkpoint cannot be used: {}", error.what());
    tell();
    parts.done = 0;
    trees = fit();
  }
  if (!keeping.checkpoint.empty()) checkpoint.write(options.rounds, *trees);
  auto model = std::make_unique<TreesModel>(std::move(trees));
  model->look_back(dataset, job, context);
  return model;
}

}  // namespace miaudit
