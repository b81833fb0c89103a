#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "miaudit/base/version.h"
#include "miaudit/data/model_status.h"
#include "miaudit/io/file.h"
#include "miaudit/io/formats.h"
#include "miaudit/io/json.h"
#include "miaudit/io/raw.h"
#include "miaudit/train/attempt.h"
#include "miaudit/train/plan.h"
#include "miaudit/train/quoted_places.h"
#include "miaudit/train/splits.h"

namespace miaudit {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

// Counts up with every change of what a finished unit means.
constexpr int kUnitVersion = 1;

// Stands in a folder from before the first array to after run.json: arrays beside it without a run.json are ours, of a
// plan that was cut short.
constexpr const char* kMarker = ".miaudit-plan";

std::string unit_of(const ShadowPlan& plan, const json& data, std::span<const uint8_t> row, size_t model) {
  std::vector<uint32_t> members;
  for (size_t i = 0; i < row.size(); ++i)
    if (row[i]) members.push_back(static_cast<uint32_t>(i));
  json unit = {{"format", kUnitVersion},
               {"data", data},
               {"members", content_hash(std::as_bytes(std::span(members)))},
               {"seed", plan.seed},
               {"model", model},
               {"queries", plan.queries},
               {"output_type", element_name(plan.output_type)}};
  if (plan.command.empty())
    unit["recipe"] = to_json(plan.recipe);
  else
    unit["command"] = plan.command;
  if (model == 0 && !plan.target_outputs.empty()) unit["brought"] = plan.target_outputs_hash;
  const std::string text = unit.dump();
  return content_hash(std::as_bytes(std::span(text)));
}

void check_command(const std::string& command) {
  for (const std::string& word : unknown_places(command))
    if (const std::string meant = nearest_name(word, place_names()); !meant.empty())
      fail(Category::config, "--command holds {{{}}}, which stands for nothing; did you mean {{{}}}?", word, meant);
  for (const char* needed : {"{keep}", "{outputs}"})
    if (command.find(needed) == std::string::npos)
      fail(Category::config,
           "--command does not hold {}; it must train on the records that {{keep}} names and write {{outputs}}",
           needed);
  if (const std::string place = quoted_place(command); !place.empty())
    fail(Category::config,
         "--command holds {0} inside quotes or behind a backslash. Placeholders are quoted already: write {0} without "
         "quotes, and give it to a program as an argument of its own",
         place);
}

/// run.json is to name them as they are, and JSON holds UTF-8 alone.
void check_texts(const ShadowPlan& plan) {
  std::vector<std::pair<const char*, std::string>> texts = {{"--command", plan.command},
                                                            {"--data", plan.data.data},
                                                            {"--labels", plan.data.labels},
                                                            {"--target-membership", plan.target_membership},
                                                            {"--target-outputs", plan.target_outputs},
                                                            {"--label-column", plan.reading.table.label_column}};
  for (const std::string& name : plan.reading.table.categorical) texts.emplace_back("--categorical", name);
  for (const std::string& name : plan.reading.table.ignored) texts.emplace_back("--ignore-columns", name);
  for (const auto& [flag, text] : texts)
    if (!is_utf8(text))
      fail(Category::config, "{} {} is no UTF-8, which run.json must hold; {}", flag, printable(text, text.size()),
           flag == texts.front().first ? "write it in UTF-8" : "give the file, or the column, another name");
}

void check_plan(const ShadowPlan& plan, const Dataset& dataset) {
  check_texts(plan);
  for (const auto& [flag, share] : {std::pair{"--member-share", plan.member_share},
                                    {"--population-share", plan.population_share},
                                    {"--test-share", plan.test_share}})
    if (!(share >= 0 && share <= 1)) fail(Category::config, "{} {}: expected 0 to 1", flag, share);
  if (plan.models < size_t{1} + has_target(plan) || plan.models > Run::kMostModels)
    fail(Category::config, "--models {}: expected {} to {}", plan.models, 1 + has_target(plan), Run::kMostModels);
  if (plan.design == Design::bernoulli && !(plan.member_share > 0 && plan.member_share < 1))
    fail(Category::config,
         "--member-share {}: expected more than 0 and less than 1; where models learn {} record, nothing tells members "
         "from non-members",
         plan.member_share, plan.member_share > 0 ? "every" : "no");
  if (plan.design == Design::pairs && (plan.models - has_target(plan)) % 2 != 0)
    fail(Category::config, "--models {}: complementary pairs need an even number of shadow models{}", plan.models,
         has_target(plan) ? " beside the target" : "");
  if (!plan.target_outputs.empty() && !has_target(plan))
    fail(Category::config, "--target-outputs goes with --target-membership: who was in the target's training set");
  if (plan.command.empty()) {
    asked_views(plan.recipe, plan.queries, dataset);
  } else {
    check_command(plan.command);
  }
}

bool is_of_cut_plan(const fs::path& entry, bool has_marker) {
  const std::string name = entry.filename().string();
  std::error_code error;
  if (is_unfinished_file(entry)) return true;
  if (std::ranges::find(kRunFolders, name) != std::end(kRunFolders))
    return fs::is_directory(entry, error) && fs::is_empty(entry, error);
  return has_marker && std::ranges::find(kRunArrays, name) != std::end(kRunArrays);
}

/// The run that a plan made here before; none where its run.json is lost or damaged, which the next one mends.
std::optional<Run> planned_before(const fs::path& path) {
  try {
    return read_run_file(path);
  } catch (const Error& error) {
    if (error.category() != Category::input || !was_planned(path)) throw;
    return {};
  }
}

// A folder that is to become a run holds nothing yet, a run that was planned, or what a plan left that was cut short.
void check_folder(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return;
  if (!fs::is_directory(path, error))
    fail(Category::input, "{} is a file; a run takes a folder, existing or not", path.string());
  if (was_planned(path) || fs::exists(path / "run.json", error)) {
    const std::optional<Run> before = planned_before(path);
    if (before && before->units.empty())
      fail(Category::input,
           "{} is a run made by hand; a plan would replace its splits and, in time, its models. Plan into a new folder",
           path.string());
    return;
  }
  const bool has_marker = fs::exists(path / kMarker, error);
  for (const auto& entry : fs::directory_iterator(path, error))
    if (!is_of_cut_plan(entry.path(), has_marker))
      fail(Category::input, "{} already holds {} and is no run folder; give a new or empty one", path.string(),
           entry.path().filename().string());
}

/// What becomes of the models that are there or under way.
PlanChange compare(const fs::path& path, const std::vector<std::string>& units, const std::string& host) {
  PlanChange change;
  std::error_code error;
  if (!was_planned(path) && !fs::exists(path / "run.json", error)) return change;
  const std::optional<Run> before = planned_before(path);
  // Each finished model says itself what it is: one that the plan before made stale may be right again.
  Run now;
  now.path = path;
  now.units = units;
  now.models = units.size();
  for (size_t m = 0; m < now.models; ++m) {
    const ModelState state = model_status(now, m, false).state;
    change.kept += state == ModelState::done;
    change.stale += state == ModelState::stale;
  }
  change.is_new = !before && change.kept + change.stale == 0;
  if (!before) return change;
  const std::vector<bool> under_way = models_under_way(*before, host);
  for (size_t m = 0; m < before->models; ++m) {
    const bool is_kept = m < units.size() && units[m] == before->units[m];
    if (under_way[m] && !is_kept) ++change.overtaken;
    if (m >= units.size() && model_status(*before, m, false).state == ModelState::done) ++change.left_out;
  }
  return change;
}

void check_target_outputs(const ShadowPlan& plan, const Array& outputs, const Dataset& dataset) {
  if (const std::string why =
          outputs_complaint(outputs, dataset.size(), plan.queries, dataset.classes, Columns::as_many);
      !why.empty())
    fail(Category::input, "--target-outputs {}: {}", plan.target_outputs, why);
}

void check_model(const ShadowPlan& plan, const Dataset& dataset, std::span<const uint8_t> row, size_t model) {
  TrainingJob job{plan.recipe, plan.seed, model, {}};
  for (size_t i = 0; i < row.size(); ++i)
    if (row[i]) job.members.push_back(static_cast<uint32_t>(i));
  try {
    check_trainable(job, dataset);
  } catch (const Error& error) {
    throw Error(error.category(), fmt::format("model {}: {}", model, error.what()));
  }
}

json write_arrays(const fs::path& path, const Dataset& dataset, const std::vector<Role>& roles,
                  const std::vector<uint8_t>& membership) {
  std::vector<bool> bits(membership.begin(), membership.end());
  std::vector<uint8_t> role_numbers;
  role_numbers.reserve(roles.size());
  for (const Role role : roles) role_numbers.push_back(static_cast<uint8_t>(role));
  write_npy(path / "labels.npy", Array::from(dataset.labels, {dataset.size()}));
  write_npy(path / "roles.npy", Array::from(std::move(role_numbers), {roles.size()}));
  write_npy(path / "membership.npy", Array::from(std::move(bits), {membership.size() / roles.size(), roles.size()}));
  json checksums;
  for (const char* name : kRunArrays) checksums[name] = content_hash(FileBytes::open(path / name).bytes());
  return checksums;
}

}  // namespace

PlanChange write_plan(const fs::path& path, const ShadowPlan& given, const Dataset& dataset, const std::string& host) {
  ShadowPlan plan = given;
  check_folder(path);
  check_plan(plan, dataset);
  if (!plan.target_outputs.empty()) {
    const Array outputs = read_array(plan.target_outputs);
    check_target_outputs(plan, outputs, dataset);
    plan.target_outputs_hash = content_hash(outputs.bytes());
  }
  const Splitter splitter(plan, dataset.size());
  const json data = identity_of(plan, dataset);
  std::vector<uint8_t> membership;
  std::vector<std::string> units;
  for (size_t m = 0; m < plan.models; ++m) {
    const std::vector<uint8_t> row = splitter.row(m);
    if (plan.command.empty() && (m > 0 || plan.target_outputs.empty())) check_model(plan, dataset, row, m);
    units.push_back(unit_of(plan, data, row, m));
    membership.insert(membership.end(), row.begin(), row.end());
  }
  PlanChange change = compare(path, units, host);

  for (const std::string& word : unknown_places(plan.command))
    change.warnings.push_back({"unknown_place", fmt::format("--command holds {{{}}}, which stays as it is", word),
                               fmt::format("What is filled in is {{{}}}", fmt::join(place_names(), "}, {"))});

  make_directory(path);
  write_file(path / kMarker, "");
  for (const char* folder : kRunFolders) make_directory(path / folder);
  json file = {{"schema_version", Run::kSchemaVersion},
               {"miaudit", version()},
               {"models", plan.models},
               {"partners", partners_of(plan)},
               {"units", units},
               {"data", data},
               {"classes", dataset.classes},
               {"plan", to_json(plan)}};
  if (!plan.target_outputs.empty()) file["brought"] = {0};
  file["scaling"] = scaling(dataset);
  if (dataset.encoding) file["encoding"] = to_json(*dataset.encoding);
  file["checksums"] = write_arrays(path, dataset, splitter.roles(), membership);
  write_file(path / "run.json", json_text(file, 1));
  std::error_code ignored;
  fs::remove(path / kMarker, ignored);
  return change;
}

}  // namespace miaudit
