#include "miaudit/train/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "miaudit/base/version.h"
#include "miaudit/io/file.h"
#include "miaudit/io/json.h"
#include "miaudit/train/draws.h"

namespace miaudit {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

// Counts up with every change of what a finished unit means.
constexpr int kUnitVersion = 1;
// The model number that the roles of records and the disjoint deal are drawn for; no model has it.
constexpr uint64_t kNoModel = (1u << 24) - 1;
constexpr size_t kMostModels = 100000;

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

bool has_target(const ShadowPlan& plan) {
  return !plan.target_membership.empty();
}

/// Who taught the target; empty without one.
std::vector<uint8_t> read_target_row(const ShadowPlan& plan, size_t records) {
  if (!has_target(plan)) return {};
  std::vector<FileRecord> files;
  const std::vector<int8_t> membership = read_membership(plan.target_membership, files);
  if (membership.size() != records)
    fail(Category::input, "{} holds {} but the data {}; both must list the same records in the same order",
         plan.target_membership, counted(membership.size(), "membership"), counted(records, "record"));
  for (size_t i = 0; i < membership.size(); ++i)
    if (membership[i] < 0)
      fail(Category::input, "{}: row {} is unknown (-1); a target that is to be trained needs 1 or 0",
           plan.target_membership, i);
  return {membership.begin(), membership.end()};
}

/// What a target has learnt is audited; population and test are drawn from the rest.
std::vector<Role> draw_roles(const ShadowPlan& plan, size_t records, std::span<const uint8_t> target) {
  const auto count = [&](double share) {
    return static_cast<size_t>(std::llround(share * static_cast<double>(records)));
  };
  std::vector<uint32_t> order(records);
  std::iota(order.begin(), order.end(), 0u);
  Rng draws = draws_of(plan.seed, kNoModel, Draw::split);
  draws.shuffle(std::span(order));
  if (!target.empty()) std::erase_if(order, [&](uint32_t i) { return target[i] == 1; });
  const size_t population = count(plan.population_share), test = count(plan.test_share);
  if (population + test + 4 > records || population + test > order.size())
    fail(Category::config, "--population-share {} and --test-share {} leave fewer than 4 of {} to audit{}",
         plan.population_share, plan.test_share, counted(records, "record"),
         target.empty() ? "" : ", or take in records of the target's training set");
  std::vector<Role> roles(records, Role::audited);
  for (size_t i = 0; i < population; ++i) roles[order[i]] = Role::population;
  for (size_t i = population; i < population + test; ++i) roles[order[i]] = Role::test;
  return roles;
}

/// One row of the membership matrix.
class Splitter {
 public:
  Splitter(const ShadowPlan& plan, const std::vector<Role>& roles) : plan_(plan), records_(roles.size()) {
    for (size_t i = 0; i < roles.size(); ++i)
      if (roles[i] == Role::audited) audited_.push_back(static_cast<uint32_t>(i));
  }

  std::vector<uint8_t> row(size_t model) const {
    std::vector<uint8_t> row(records_);
    const size_t shadow = model - has_target(plan_);
    switch (plan_.design) {
      case Design::pairs:
        for (const uint32_t i : draw_members(audited_.size(), audited_.size() / 2, plan_.seed, shadow / 2 * 2))
          row[audited_[i]] = 1;
        if (shadow % 2 == 1)
          for (const uint32_t record : audited_) row[record] = !row[record];
        break;
      case Design::bernoulli: {
        Rng draws = draws_of(plan_.seed, shadow, Draw::split);
        for (const uint32_t record : audited_) row[record] = draws.uniform() < plan_.member_share;
        break;
      }
      case Design::disjoint: {
        const size_t shadows = plan_.models - has_target(plan_);
        std::vector<uint32_t> order = audited_;
        Rng draws = draws_of(plan_.seed, kNoModel, Draw::order);
        draws.shuffle(std::span(order));
        for (size_t i = shadow * order.size() / shadows; i < (shadow + 1) * order.size() / shadows; ++i)
          row[order[i]] = 1;
        break;
      }
    }
    return row;
  }

 private:
  const ShadowPlan& plan_;
  size_t records_;
  std::vector<uint32_t> audited_;
};

std::vector<int64_t> partners_of(const ShadowPlan& plan) {
  std::vector<int64_t> partners(plan.models, Run::kNoPartner);
  if (plan.design != Design::pairs) return partners;
  for (size_t m = has_target(plan); m + 1 < plan.models; m += 2) {
    partners[m] = static_cast<int64_t>(m + 1);
    partners[m + 1] = static_cast<int64_t>(m);
  }
  return partners;
}

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
  if (model == 0 && !plan.target_outputs.empty())
    unit["brought"] = content_hash(read_array(plan.target_outputs).bytes());
  const std::string text = unit.dump();
  return content_hash(std::as_bytes(std::span(text)));
}

void check_plan(const ShadowPlan& plan, const Dataset& dataset) {
  for (const auto& [flag, share] : {std::pair{"--member-share", plan.member_share},
                                    {"--population-share", plan.population_share},
                                    {"--test-share", plan.test_share}})
    if (!(share >= 0 && share <= 1)) fail(Category::config, "{} {}: expected 0 to 1", flag, share);
  if (plan.models < size_t{1} + has_target(plan) || plan.models > kMostModels)
    fail(Category::config, "--models {}: expected {} to {}", plan.models, 1 + has_target(plan), kMostModels);
  if (plan.design == Design::pairs && (plan.models - has_target(plan)) % 2 != 0)
    fail(Category::config, "--models {}: complementary pairs need an even number of shadow models{}", plan.models,
         has_target(plan) ? " beside the target" : "");
  if (!plan.target_outputs.empty() && !has_target(plan))
    fail(Category::config, "--target-outputs goes with --target-membership: who was in the target's training set");
  if (plan.command.empty()) {
    asked_views(plan.recipe, plan.queries, dataset);
  } else {
    filled_command(plan.command, {});
    for (const char* needed : {"{keep}", "{outputs}"})
      if (plan.command.find(needed) == std::string::npos)
        fail(Category::config,
             "--command does not hold {}; it must train on the records that {{keep}} names and write {{outputs}}",
             needed);
  }
}

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
                {"target_outputs", plan.target_outputs}};
  if (plan.command.empty())
    entry["recipe"] = to_json(plan.recipe);
  else
    entry["command"] = plan.command;
  return entry;
}

// A folder that is to become a run holds nothing yet, or a run.
void check_folder(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return;
  if (!fs::is_directory(path, error))
    fail(Category::input, "{} is a file; a run takes a folder, existing or not", path.string());
  if (fs::exists(path / "run.json", error)) return;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    const bool is_runs =
        is_unfinished_file(entry.path()) || name == "membership.npy" || name == "labels.npy" || name == "roles.npy";
    if (!is_runs)
      fail(Category::input, "{} already holds {} and is no run folder; give a new or empty one", path.string(), name);
  }
}

PlanChange compare(const fs::path& path, const std::vector<std::string>& units) {
  std::error_code error;
  PlanChange change;
  if (!fs::exists(path / "run.json", error)) return change;
  change.is_new = false;
  const Run before = read_run(path);
  for (size_t m = 0; m < before.models && !before.units.empty(); ++m) {
    if (model_status(before, m, false).state != ModelState::done) continue;
    const bool is_kept = m < units.size() && units[m] == before.units[m];
    ++(is_kept ? change.kept : change.stale);
  }
  return change;
}

}  // namespace

PlanChange write_plan(const fs::path& path, const ShadowPlan& plan, const Dataset& dataset) {
  check_folder(path);
  check_plan(plan, dataset);
  const std::vector<uint8_t> target = read_target_row(plan, dataset.size());
  const std::vector<Role> roles = draw_roles(plan, dataset.size(), target);
  const Splitter splitter(plan, roles);
  const json data = identity(dataset);
  std::vector<uint8_t> membership;
  std::vector<std::string> units;
  for (size_t m = 0; m < plan.models; ++m) {
    const std::vector<uint8_t> row = has_target(plan) && m == 0 ? target : splitter.row(m);
    if (plan.command.empty() && (m > 0 || plan.target_outputs.empty())) {
      TrainingJob job{plan.recipe, plan.seed, m, {}};
      for (size_t i = 0; i < row.size(); ++i)
        if (row[i]) job.members.push_back(static_cast<uint32_t>(i));
      check_trainable(job, dataset);
    }
    units.push_back(unit_of(plan, data, row, m));
    membership.insert(membership.end(), row.begin(), row.end());
  }
  PlanChange change = compare(path, units);

  for (const char* folder : {"", "models", "attempts", "checkpoints", "failed"}) make_directory(path / folder);
  std::vector<bool> bits(membership.begin(), membership.end());
  std::vector<uint8_t> role_numbers;
  role_numbers.reserve(roles.size());
  for (const Role role : roles) role_numbers.push_back(static_cast<uint8_t>(role));
  write_npy(path / "labels.npy", Array::from(dataset.labels, {dataset.size()}));
  write_npy(path / "roles.npy", Array::from(std::move(role_numbers), {roles.size()}));
  write_npy(path / "membership.npy", Array::from(std::move(bits), {plan.models, dataset.size()}));
  json file = {{"schema_version", Run::kSchemaVersion},
               {"miaudit", version()},
               {"models", plan.models},
               {"partners", partners_of(plan)},
               {"units", units},
               {"data", data},
               {"classes", dataset.classes},
               {"plan", to_json(plan)}};
  if (!plan.target_outputs.empty()) file["brought"] = {0};
  if (dataset.encoding) file["encoding"] = to_json(*dataset.encoding);
  write_file(path / "run.json", file.dump(1) + "\n");
  return change;
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
    if (found == std::end(kDesigns)) fail(Category::input, "{}: unknown design '{}'", path.string(), design);
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
    if (entry.contains("command"))
      plan.command = entry["command"].get<std::string>();
    else
      plan.recipe = recipe_of(entry.at("recipe"));
    return plan;
  } catch (const json::exception& error) {
    fail(Category::input, "{}: its plan is not one that miaudit wrote: {}", (path / "run.json").string(), error.what());
  }
}

Dataset read_planned_data(const fs::path& path, const ShadowPlan& plan, const Context& context) {
  Dataset dataset = read_dataset(plan.data, plan.reading, context);
  const json planned = read_json(path / "run.json").at("data"), found = identity(dataset);
  if (planned == found) return dataset;
  std::string changed;
  for (const auto& [key, value] : planned.items())
    if (!found.contains(key) || found[key] != value) changed += (changed.empty() ? "" : ", ") + key;
  fail(Category::input,
       "{} is not what this run was planned with: its {} changed. Put the file back, or plan again (finished models of "
       "the old data then count as stale)",
       plan.data.data, changed);
}

TrainingJob job_of(const Run& run, const ShadowPlan& plan, size_t model) {
  return {plan.recipe, plan.seed, model, run.members(model)};
}

uint64_t command_seed(const ShadowPlan& plan, size_t model) {
  return draws_of(plan.seed, model, Draw::command)() >> 33;
}

std::string filled_command(const std::string& command, const CommandPlaces& places) {
  const auto quoted = [](const std::string& text) {
    std::string word = "'";
    for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return word + "'";
  };
  const std::pair<std::string_view, std::string> known[] = {{"{keep}", quoted(places.keep)},
                                                            {"{outputs}", quoted(places.outputs)},
                                                            {"{work}", quoted(places.work)},
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
