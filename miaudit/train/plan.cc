#include "miaudit/train/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "miaudit/base/shell_word.h"
#include "miaudit/io/file.h"
#include "miaudit/io/formats.h"
#include "miaudit/io/json.h"
#include "miaudit/train/draws.h"

namespace miaudit {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr const char *kBytes = "bytes", *kLabelBytes = "label_bytes";
constexpr const char* kDesigns[] = {"pairs", "bernoulli", "disjoint"};

const char* name_of(Design design) {
  return kDesigns[static_cast<size_t>(design)];
}

json to_json(const DatasetOptions& reading) {
  json entry = {{"label_column", reading.table.label_column},
                {"categorical", reading.table.categorical},
                {"ignored", reading.table.ignored}};
  if (reading.layout) entry["layout"] = *reading.layout == ImageLayout::hwc ? "hwc" : "chw";
  if (reading.classes) entry["classes"] = *reading.classes;
  if (const auto& shape = reading.image_shape) entry["image_shape"] = {shape->channels, shape->height, shape->width};
  return entry;
}

DatasetOptions reading_of(const json& entry) {
  DatasetOptions reading;
  reading.table.label_column = entry.at("label_column").get<std::string>();
  reading.table.categorical = entry.at("categorical").get<std::vector<std::string>>();
  reading.table.ignored = entry.at("ignored").get<std::vector<std::string>>();
  if (entry.contains("layout")) reading.layout = entry["layout"] == "hwc" ? ImageLayout::hwc : ImageLayout::chw;
  if (entry.contains("classes")) reading.classes = entry["classes"].get<size_t>();
  if (entry.contains("image_shape")) {
    const auto sides = entry["image_shape"].get<std::vector<size_t>>();
    reading.image_shape = Shape{sides.at(0), sides.at(1), sides.at(2)};
  }
  return reading;
}

/// Of paths as read_array() takes them.
std::string first_missing(const std::vector<std::string>& paths) {
  const auto is_there = [](const std::string& path) {
    std::error_code error;
    const size_t end = path.find(".npz:");
    return path.empty() || fs::exists(path, error) ||
           (end != std::string::npos && fs::exists(path.substr(0, end + 4), error));
  };
  const auto missing = std::ranges::find_if_not(paths, is_there);
  return missing == paths.end() ? "" : *missing;
}

void refuse_missing(const std::string& path) {
  if (path.empty()) return;
  fail(
      Category::input,
      "{} is not there, and this run was planned with it. Put it back, or plan again with the place where it lies now: "
      "what it holds makes the models, so finished ones stay",
      path);
}

[[noreturn]] void fail_changed(const std::string& file, const std::string& how) {
  fail(
      Category::input,
      "{} is not what this run was planned with: {}. Put the file back, or plan again (finished models of the old data "
      "then count as stale)",
      file, how);
}

}  // namespace

json to_json(const ShadowPlan& plan) {
  json entry = {{"design", name_of(plan.design)},
                {"member_share", plan.member_share},
                {"population_share", plan.population_share},
                {"test_share", plan.test_share},
                {"seed", plan.seed},
                {"queries", plan.queries},
                {"output_type", element_name(plan.output_type)},
                {"data", plan.data.data},
                {"labels", plan.data.labels},
                {"reading", to_json(plan.reading)},
                {"target_membership", plan.target_membership},
                {"target_outputs", plan.target_outputs},
                {"target_outputs_hash", plan.target_outputs_hash}};
  if (plan.command.empty())
    entry["recipe"] = to_json(plan.recipe);
  else
    entry["command"] = plan.command;
  return entry;
}

ShadowPlan read_plan(const fs::path& path) {
  const json file = read_json(path / "run.json");
  if (!file.contains("plan"))
    fail(Category::input, "{} was made by hand: it holds no plan to train by", (path / "run.json").string());
  try {
    const json& entry = file.at("plan");
    ShadowPlan plan;
    plan.models = file.at("models").get<size_t>();
    const auto design = entry.at("design").get<std::string>();
    const auto found = std::find(std::begin(kDesigns), std::end(kDesigns), design);
    if (found == std::end(kDesigns))
      fail(Category::input, "{}: unknown design '{}'. {}", (path / "run.json").string(), design, kPlanAgain);
    plan.design = static_cast<Design>(found - std::begin(kDesigns));
    plan.member_share = entry.at("member_share").get<double>();
    plan.population_share = entry.at("population_share").get<double>();
    plan.test_share = entry.at("test_share").get<double>();
    plan.seed = entry.at("seed").get<uint64_t>();
    plan.queries = entry.at("queries").get<size_t>();
    plan.output_type = entry.at("output_type") == "float16" ? ElementType::float16 : ElementType::float32;
    plan.data = {entry.at("data").get<std::string>(), entry.at("labels").get<std::string>()};
    plan.reading = reading_of(entry.at("reading"));
    plan.target_membership = entry.at("target_membership").get<std::string>();
    plan.target_outputs = entry.at("target_outputs").get<std::string>();
    plan.target_outputs_hash = entry.value("target_outputs_hash", "");
    if (entry.contains("command"))
      plan.command = entry["command"].get<std::string>();
    else
      plan.recipe = recipe_of(entry.at("recipe"));
    return plan;
  } catch (const json::exception& error) {
    fail(Category::input, "{}: its plan is not one that miaudit wrote: {}. {}", (path / "run.json").string(),
         error.what(), kPlanAgain);
  }
}

json identity_of(const ShadowPlan& plan, const Dataset& dataset) {
  json data = identity(dataset);
  if (plan.command.empty()) return data;
  const auto add = [&](const char* key, const std::string& path) {
    if (!path.empty()) data[key] = content_hash(FileBytes::open(file_of(path)).bytes());
  };
  add(kBytes, plan.data.data);
  add(kLabelBytes, plan.data.labels);
  return data;
}

json planned_identity(const fs::path& path) {
  const json file = read_json(path / "run.json");
  if (!file.contains("data") || !file["data"].is_object() ||
      !file["data"].value("classes", json()).is_number_unsigned())
    fail(Category::input, "{} does not say which data it was planned with. {}", (path / "run.json").string(),
         kPlanAgain);
  return file["data"];
}

uint64_t training_memory(const Run& run, const ShadowPlan& plan, const json& data, size_t jobs) {
  constexpr uint64_t kNetwork = uint64_t{100} << 20;
  uint64_t records = run.records * sizeof(float);
  for (const json& side : data.value("shape", json::array())) records *= side.get<uint64_t>();
  if (!plan.command.empty()) return records;
  uint64_t members = 0;
  for (size_t m = 0; m < run.models; ++m) members = std::max<uint64_t>(members, run.members(m).size());
  const uint64_t own = plan.recipe.architecture == "gbdt" ? records / run.records * members * 9 / 2 : kNetwork;
  return records + jobs * own;
}

std::string missing_data(const ShadowPlan& plan) {
  return first_missing({plan.data.data, plan.data.labels});
}
std::string missing_target_outputs(const ShadowPlan& plan) {
  return first_missing({plan.target_outputs});
}

Dataset read_planned_data(const fs::path& path, const ShadowPlan& plan, const Context& context, Holding holding) {
  refuse_missing(missing_data(plan));
  Dataset dataset;
  DatasetOptions reading = plan.reading;
  reading.holding = holding;
  try {
    dataset = read_dataset(plan.data, reading, context);
  } catch (const Error& error) {
    // The plan could read them.
    if (error.category() == Category::interrupted || error.category() == Category::io) throw;
    const std::string& labels = plan.data.labels;
    fail_changed(plan.data.data + (labels.empty() ? "" : " or " + labels), error.what());
  }
  const json planned = planned_identity(path), found = identity_of(plan, dataset);
  if (planned == found) return dataset;
  std::vector<std::string> changed, files;
  for (const auto& [key, value] : planned.items())
    if (!found.contains(key) || found[key] != value)
      ((key == kBytes || key == kLabelBytes) ? files : changed).push_back(key);
  if (changed.empty()) {
    const bool is_of_labels = std::ranges::find(files, kBytes) == files.end();
    fail_changed(is_of_labels ? plan.data.labels : plan.data.data,
                 "its bytes changed, and the command reads the file itself");
  }
  const bool is_of_labels = changed.size() == 1 && changed[0] == "labels" && !plan.data.labels.empty();
  fail_changed(is_of_labels ? plan.data.labels : plan.data.data,
               fmt::format("its {} changed", fmt::join(changed, ", ")));
}

Array read_target_outputs(const ShadowPlan& plan) {
  refuse_missing(missing_target_outputs(plan));
  Array given = read_array(plan.target_outputs);
  if (content_hash(given.bytes()) != plan.target_outputs_hash)
    fail(Category::input,
         "{} is not what this run was planned with: its values changed. Put the file back, or plan again",
         plan.target_outputs);
  return given;
}

TrainingJob job_of(const Run& run, const ShadowPlan& plan, size_t model) {
  return {plan.recipe, plan.seed, model, run.members(model)};
}

const std::vector<std::string>& place_names() {
  static const std::vector<std::string> names = {"keep", "outputs", "work", "seed", "index"};
  return names;
}

uint64_t command_seed(const ShadowPlan& plan, size_t model) {
  return draws_of(plan.seed, model, Draw::command)() >> 33;
}

std::vector<std::string> unknown_places(const std::string& command) {
  std::vector<std::string> unknown;
  for (size_t at = command.find('{'); at != std::string::npos; at = command.find('{', at + 1)) {
    const size_t end = command.find('}', at);
    if (end == std::string::npos) break;
    const std::string word = command.substr(at + 1, end - at - 1);
    const bool is_shells = at > 0 && command[at - 1] == '$';
    const bool is_word =
        !word.empty() && word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_") == word.npos;
    if (is_word && !is_shells && std::ranges::find(place_names(), word) == place_names().end()) unknown.push_back(word);
  }
  return unknown;
}

std::string filled_command(const std::string& command, const CommandPlaces& places) {
  const std::pair<std::string_view, std::string> known[] = {{"{keep}", quoted_word(places.keep)},
                                                            {"{outputs}", quoted_word(places.outputs)},
                                                            {"{work}", quoted_word(places.work)},
                                                            {"{seed}", fmt::format("{}", places.seed)},
                                                            {"{index}", fmt::format("{}", places.index)}};
  std::string filled;
  for (size_t at = 0; at < command.size();) {
    const auto place = std::find_if(std::begin(known), std::end(known), [&](const auto& one) {
      return std::string_view(command).substr(at).starts_with(one.first);
    });
    if (place == std::end(known)) {
      filled += command[at++];
    } else {
      filled += place->second;
      at += place->first.size();
    }
  }
  return filled;
}

}  // namespace miaudit
