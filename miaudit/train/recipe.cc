#include "miaudit/train/recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "miaudit/base/error.h"

namespace miaudit {
namespace {

void set_images(Recipe&) {}

void set_tables(Recipe& recipe) {
  recipe.architecture = "mlp";
  recipe.epochs = 40;
  recipe.batch = 64;
  recipe.optimizer.descent = Descent::adam;
  recipe.optimizer.rate = 1e-3;
}

void set_trees(Recipe& recipe) {
  recipe.architecture = "gbdt";
  recipe.epochs = 100;
  recipe.optimizer.rate = 0.1;
  recipe.optimizer.decline = Decline::constant;
}

void set_lira_cifar10(Recipe& recipe) {
  recipe.architecture = "resnet20";
  recipe.epochs = 100;
  recipe.batch = 256;
  recipe.optimizer.rate = 0.1;
  recipe.optimizer.weight_decay = 5e-4;
  recipe.optimizer.cosine_turn = 7 * 3.141592653589793 / 16;
  recipe.optimizer.warm_up = 0.01;
  recipe.optimizer.average = 0.999;
  recipe.mirror = true;
  recipe.shift = 4;
}

constexpr PresetRow kTable[] = {
    {"images", "small images, fast: cnn, 20 epochs, batch 128, SGD at 0.05", set_images},
    {"tables", "rows of tables: mlp, 40 epochs, batch 64, Adam at 0.001", set_tables},
    {"trees", "rows of tables: gbdt, 100 rounds at 0.1", set_trees},
    {"lira-cifar10",
     "the recipe of Carlini et al. 2022, with resnet20: 100 epochs, batch 256, SGD at 0.1, decay 5e-4, averaged "
     "weights, mirrored and shifted images",
     set_lira_cifar10},
};

struct Limit {
  const char* flag;
  double value, low, high;
  const char* expected;
};

}  // namespace

void check_recipe(const Recipe& recipe) {
  const OptimizerOptions& o = recipe.optimizer;
  constexpr double kBelow1 = 1 - 1e-9;
  const Limit limits[] = {
      {"--epochs", static_cast<double>(recipe.epochs), 1, 1e6, "1 to 1 000 000"},
      {"--batch", static_cast<double>(recipe.batch), 1, 65536, "1 to 65 536"},
      {"--rate", o.rate, 1e-9, 1e3, "above 0 and at most 1 000, such as 0.05"},
      {"--momentum", o.momentum, 0, kBelow1, "0 or more and below 1"},
      {"--weight-decay", o.weight_decay, 0, 1e3, "0 to 1 000, such as 5e-4"},
      {"--warm-up", o.warm_up, 0, kBelow1, "a share of the training, 0 or more and below 1"},
      {"--average", o.average, 0, kBelow1, "0 or more and below 1, such as 0.999"},
      {"--label-smoothing", recipe.label_smoothing, 0, kBelow1, "0 or more and below 1, such as 0.1"},
      {"--max-depth", static_cast<double>(recipe.max_depth), 1, 30, "1 to 30"},
  };
  for (const Limit& limit : limits)
    if (!(limit.value >= limit.low && limit.value <= limit.high))
      fail(Category::config, "{} {}: expected {}", limit.flag, limit.value, limit.expected);
}

nlohmann::json to_json(const Recipe& recipe) {
  const OptimizerOptions& o = recipe.optimizer;
  nlohmann::json json = {{"architecture", recipe.architecture}, {"epochs", recipe.epochs}, {"rate", o.rate}};
  if (recipe.architecture == "gbdt") {
    json["max_depth"] = recipe.max_depth;
    return json;
  }
  if (recipe.architecture == "mlp") json["widths"] = recipe.widths.empty() ? std::vector{kDefaultWidth} : recipe.widths;
  json["batch"] = recipe.batch;
  json["optimizer"] = o.descent == Descent::adam ? "adam" : "sgd";
  if (o.descent == Descent::sgd) {
    json["momentum"] = o.momentum;
    json["nesterov"] = o.is_nesterov;
  } else {
    json["beta1"] = o.beta1;
    json["beta2"] = o.beta2;
  }
  json["schedule"] = o.decline == Decline::cosine ? "cosine" : o.decline == Decline::steps ? "steps" : "constant";
  if (o.decline == Decline::cosine) json["cosine_turn"] = o.cosine_turn;
  json["warm_up"] = o.warm_up;
  json["weight_decay"] = o.weight_decay;
  json["average"] = o.average;
  json["label_smoothing"] = recipe.label_smoothing;
  json["mirror"] = recipe.mirror;
  json["shift"] = recipe.shift;
  json["padding"] = recipe.padding == Padding::zero ? "zero" : "reflect";
  json["precision"] = recipe.precision == Precision::bf16 ? "bf16" : "float32";
  return json;
}

Recipe recipe_of(const nlohmann::json& json) {
  Recipe recipe;
  OptimizerOptions& o = recipe.optimizer;
  json.at("architecture").get_to(recipe.architecture);
  json.at("epochs").get_to(recipe.epochs);
  json.at("rate").get_to(o.rate);
  if (recipe.architecture == "gbdt") {
    json.at("max_depth").get_to(recipe.max_depth);
    return recipe;
  }
  if (recipe.architecture == "mlp") json.at("widths").get_to(recipe.widths);
  json.at("batch").get_to(recipe.batch);
  o.descent = json.at("optimizer") == "adam" ? Descent::adam : Descent::sgd;
  if (o.descent == Descent::sgd) {
    json.at("momentum").get_to(o.momentum);
    json.at("nesterov").get_to(o.is_nesterov);
  } else {
    json.at("beta1").get_to(o.beta1);
    json.at("beta2").get_to(o.beta2);
  }
  const auto schedule = json.at("schedule").get<std::string>();
  o.decline = schedule == "cosine" ? Decline::cosine : schedule == "steps" ? Decline::steps : Decline::constant;
  if (o.decline == Decline::cosine) json.at("cosine_turn").get_to(o.cosine_turn);
  json.at("warm_up").get_to(o.warm_up);
  json.at("weight_decay").get_to(o.weight_decay);
  json.at("average").get_to(o.average);
  json.at("label_smoothing").get_to(recipe.label_smoothing);
  json.at("mirror").get_to(recipe.mirror);
  json.at("shift").get_to(recipe.shift);
  recipe.padding = json.at("padding") == "zero" ? Padding::zero : Padding::reflect;
  recipe.precision = json.at("precision") == "bf16" ? Precision::bf16 : Precision::float32;
  return recipe;
}

std::span<const PresetRow> preset_table() {
  return kTable;
}

Recipe preset_recipe(const std::string& name) {
  const auto row = std::find_if(std::begin(kTable), std::end(kTable), [&](const auto& r) { return name == r.name; });
  if (row == std::end(kTable)) {
    std::vector<std::string> names;
    for (const PresetRow& known : kTable) names.push_back(known.name);
    const std::string near = nearest_name(name, names);
    fail(Category::config, "unknown preset '{}'{}; known: {}", name,
         near.empty() ? "" : fmt::format("; did you mean '{}'?", near), fmt::join(names, ", "));
  }
  Recipe recipe;
  row->set(recipe);
  return recipe;
}

}  // namespace miaudit
