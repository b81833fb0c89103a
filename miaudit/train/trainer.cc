#include "miaudit/train/trainer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "miaudit/base/error.h"
#include "miaudit/engine/network.h"
#include "miaudit/io/file.h"
#include "miaudit/learn/boosting.h"
#include "miaudit/train/draws.h"
#include "miaudit/train/trainers.h"

namespace miaudit {
namespace {

// Counts up with every change that makes a job give other bytes.
constexpr int kFormatVersion = 1;
/// Weights, gradients, momenta and a checkpoint of so many take some 5 GB; what is larger is a slip in --widths.
constexpr double kMostWeights = 3e8;

bool is_trees(const Recipe& recipe) {
  return recipe.architecture == "gbdt";
}

}  // namespace

std::string fingerprint(const TrainingJob& job, const nlohmann::json& data) {
  const nlohmann::json json = {{"format", kFormatVersion},
                               {"data", data},
                               {"members", content_hash(std::as_bytes(std::span(job.members)))},
                               {"recipe", to_json(job.recipe)},
                               {"seed", job.seed},
                               {"model", job.model}};
  const std::string text = json.dump();
  return content_hash(std::as_bytes(std::span(text)));
}

std::string fingerprint(const TrainingJob& job, const Dataset& dataset) {
  return fingerprint(job, identity(dataset));
}

std::string engine_of(const Recipe& recipe) {
  return is_trees(recipe) ? boosting_name() : engine_name();
}

std::vector<uint32_t> draw_members(size_t records, size_t count, uint64_t seed, uint64_t model) {
  std::vector<uint32_t> order(records);
  std::iota(order.begin(), order.end(), 0u);
  Rng draws = draws_of(seed, model, Draw::split);
  draws.shuffle(std::span(order));
  order.resize(count);
  std::sort(order.begin(), order.end());
  return order;
}

void check_trainable(const TrainingJob& job, const Dataset& dataset) {
  const Recipe& recipe = job.recipe;
  check_recipe(recipe);
  std::vector<bool> seen(dataset.classes);
  for (const uint32_t member : job.members) seen[static_cast<size_t>(dataset.labels[member])] = true;
  if (std::count(seen.begin(), seen.end(), true) < 2)
    fail(Category::input, "the members ({}) are not of two classes or more, which a classifier needs",
         counted(job.members.size(), "record"));
  if (is_trees(recipe)) return check_trees(recipe);
  const Architecture network = make_architecture(recipe.architecture, dataset.shape, dataset.classes, recipe.widths);
  double weights = 0;
  for (const Parameter& parameter : parameters(network)) weights += static_cast<double>(parameter.size());
  if (weights > kMostWeights)
    fail(Category::unsupported,
         "{} would have {:.3g} weights here; the most is {:.3g}. Make --widths or the records smaller",
         recipe.architecture, weights, kMostWeights);
  if (recipe.mirror) check_shift(1, dataset.shape);
  check_shift(recipe.shift, dataset.shape);
  if (const std::string why = why_unsupported(recipe.precision); !why.empty()) fail(Category::unsupported, "{}", why);
}

std::vector<View> asked_views(const Recipe& recipe, size_t queries, const Dataset& dataset) {
  if (is_trees(recipe) && queries > 1)
    fail(
        Category::config,
        "--queries {}: gbdt can be asked with records as they are alone: its trees look at single values, and those of "
        "a mirrored or moved image stand elsewhere. Leave --queries out, or take a network (--architecture cnn-small)",
        queries);
  return query_views(queries, dataset.shape);
}

std::unique_ptr<TrainedModel> train_model(const Dataset& dataset, const TrainingJob& job, const Keeping& keeping,
                                          const Context& context) {
  check_trainable(job, dataset);
  return is_trees(job.recipe) ? train_trees(dataset, job, keeping, context)
                              : train_network(dataset, job, keeping, context);
}

}  // namespace miaudit
