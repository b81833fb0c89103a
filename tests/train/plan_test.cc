#include "miaudit/train/plan.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "miaudit/io/json.h"
#include "miaudit/train/attempt.h"
#include "miaudit/train/command.h"
#include "tests/train/made_data.h"

namespace miaudit {
namespace {

using testing::Folder;

std::string refusal(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

ShadowPlan small_plan() {
  ShadowPlan plan;
  plan.models = 4;
  plan.recipe.architecture = "logistic";
  plan.recipe.epochs = 1;
  return plan;
}

miaudit::Run planned(const Folder& folder, const ShadowPlan& plan, const Dataset& dataset) {
  write_plan(folder / "run", plan, dataset);
  return read_run(folder / "run");
}

TEST(Plan, ReadsBackWhatItWrote) {
  const Dataset dataset = testing::made_images(60, {1, 8, 8}, 3);
  const Folder folder;
  ShadowPlan plan = small_plan();
  plan.design = Design::bernoulli;
  plan.member_share = 0.25;
  plan.seed = 9;
  plan.output_type = ElementType::float16;
  plan.recipe = preset_recipe("lira-cifar10");
  plan.recipe.architecture = "mlp";
  plan.recipe.widths = {32, 16};
  plan.recipe.optimizer.descent = Descent::adam;
  plan.recipe.padding = Padding::zero;
  plan.reading.layout = ImageLayout::hwc;
  plan.reading.image_shape = Shape{3, 4, 5};
  plan.reading.table.ignored = {"id"};
  write_plan(folder / "run", plan, dataset);
  const ShadowPlan read = read_plan(folder / "run");
  EXPECT_EQ(to_json(read.recipe), to_json(plan.recipe));
  EXPECT_EQ(read.design, plan.design);
  EXPECT_EQ(read.member_share, plan.member_share);
  EXPECT_EQ(read.seed, plan.seed);
  EXPECT_EQ(read.output_type, plan.output_type);
  EXPECT_EQ(read.reading.layout, plan.reading.layout);
  EXPECT_EQ(*read.reading.image_shape, *plan.reading.image_shape);
  EXPECT_EQ(read.reading.table.ignored, plan.reading.table.ignored);
  for (const PresetRow& row : preset_table()) {
    const nlohmann::json json = to_json(preset_recipe(row.name));
    EXPECT_EQ(to_json(recipe_of(json)), json) << row.name;
  }
}

TEST(Plan, AModelsUnitIsWhatMakesIt) {
  const Dataset dataset = testing::made_images(60, {1, 8, 8}, 3), other = testing::made_images(60, {1, 8, 8}, 3, 2);
  const Folder folder;
  const miaudit::Run run = planned(folder, small_plan(), dataset);
  const auto units = [&](const ShadowPlan& plan, const Dataset& data) {
    const Folder another;
    return planned(another, plan, data).units;
  };
  EXPECT_EQ(units(small_plan(), dataset), run.units);
  ShadowPlan more = small_plan();
  more.models = 6;
  const std::vector<std::string> six = units(more, dataset);
  EXPECT_TRUE(std::equal(run.units.begin(), run.units.end(), six.begin()));
  using Change = void (*)(ShadowPlan&);
  for (const Change& change : {Change([](ShadowPlan& p) { p.seed = 1; }), Change([](ShadowPlan& p) { p.queries = 2; }),
                               Change([](ShadowPlan& p) { p.recipe.optimizer.rate = 0.01; }),
                               Change([](ShadowPlan& p) { p.output_type = ElementType::float16; }),
                               Change([](ShadowPlan& p) { p.population_share = 0.2; }),
                               Change([](ShadowPlan& p) { p.command = "train {keep} {outputs}"; })}) {
    ShadowPlan plan = small_plan();
    change(plan);
    for (size_t m = 0; m < 4; ++m) EXPECT_NE(units(plan, dataset)[m], run.units[m]);
  }
  EXPECT_NE(units(small_plan(), other)[0], run.units[0]);
}

TEST(Plan, RefusesWhatCannotBe) {
  const Dataset dataset = testing::made_images(60, {1, 8, 8}, 3);
  const auto refused = [&](const std::function<void(ShadowPlan&)>& change) {
    const Folder folder;
    ShadowPlan plan = small_plan();
    change(plan);
    return refusal([&] { write_plan(folder / "run", plan, dataset); });
  };
  EXPECT_NE(refused([](ShadowPlan& p) { p.models = 3; }).find("even number"), std::string::npos);
  EXPECT_NE(refused([](ShadowPlan& p) { p.models = 0; }).find("--models 0"), std::string::npos);
  EXPECT_NE(refused([](ShadowPlan& p) { p.population_share = 0.99; }).find("fewer than 4"), std::string::npos);
  EXPECT_NE(refused([](ShadowPlan& p) { p.command = "train {keep}"; }).find("does not hold {outputs}"),
            std::string::npos);
  EXPECT_NE(refused([](ShadowPlan& p) { p.target_outputs = "o.npy"; }).find("--target-membership"), std::string::npos);
  EXPECT_NE(refused([](ShadowPlan& p) { p.recipe.architecture = "cnn"; }).find("smallest"), std::string::npos);
}

TEST(Run, RefusesWhatDoesNotFitTogether) {
  const Dataset dataset = testing::made_images(60, {1, 8, 8}, 3);
  const auto broken = [&](const std::function<void(nlohmann::json&)>& change) {
    const Folder folder;
    planned(folder, small_plan(), dataset);
    nlohmann::json file = read_json(folder / "run/run.json");
    change(file);
    std::ofstream(folder / "run/run.json") << file;
    return refusal([&] { read_run(folder / "run"); });
  };
  EXPECT_EQ(broken([](nlohmann::json&) {}), "");
  EXPECT_NE(broken([](auto& f) { f["schema_version"] = 2; }).find("schema version 2"), std::string::npos);
  EXPECT_NE(broken([](auto& f) { f["models"] = 5; }).find("4 rows but run.json says 5 models"), std::string::npos);
  EXPECT_NE(broken([](auto& f) { f["models"] = "4"; }).find("'models'"), std::string::npos);
  EXPECT_NE(broken([](auto& f) { f.erase("schema_version"); }).find("'schema_version'"), std::string::npos);
  EXPECT_NE(broken([](auto& f) { f["partners"] = {1, 0, 3, 1}; }).find("not mutual"), std::string::npos);
  EXPECT_NE(broken([](auto& f) { f["partners"] = {1, 0, 7, 2}; }).find("not mutual"), std::string::npos);
  EXPECT_NE(broken([](auto& f) { f["units"] = {"a"}; }).find("'units'"), std::string::npos);
  EXPECT_NE(broken([](auto& f) { f["brought"] = {9}; }).find("'brought'"), std::string::npos);
}

TEST(Attempts, TheFirstToPublishWins) {
  const Dataset dataset = testing::made_images(60, {1, 8, 8}, 3);
  const Folder folder;
  const miaudit::Run run = planned(folder, small_plan(), dataset);
  const auto fill = [&](const Attempt& attempt, const std::string& unit) {
    std::ofstream(attempt.folder() / "done.json")
        << nlohmann::json{{"unit", unit}, {"files", nlohmann::json::object()}};
  };
  Attempt first(run, 2, "here"), second(run, 2, "here");
  EXPECT_FALSE(first.is_second());
  EXPECT_TRUE(second.is_second());
  EXPECT_TRUE(models_under_way(run, "here")[2]);
  fill(first, run.units[2]);
  fill(second, run.units[2]);
  EXPECT_TRUE(second.publish());
  EXPECT_FALSE(first.publish());
  EXPECT_EQ(model_status(run, 2, true).state, ModelState::done);
  // What is stale makes room.
  Attempt stale(run, 3, "here"), fresh(run, 3, "here");
  fill(stale, "another plan's");
  fill(fresh, run.units[3]);
  EXPECT_TRUE(stale.publish());
  EXPECT_EQ(model_status(run, 3, true).state, ModelState::stale);
  EXPECT_TRUE(fresh.publish());
  EXPECT_EQ(model_status(run, 3, true).state, ModelState::done);
}

TEST(Attempts, TheDeadAreKnown) {
  const Dataset dataset = testing::made_images(60, {1, 8, 8}, 3);
  const Folder folder;
  const miaudit::Run run = planned(folder, small_plan(), dataset);
  // No process has the highest number that a process can have; another machine's folder is alive while it is touched.
  const std::filesystem::path dead = run.path / "attempts/0001.here.4194305.0";
  const std::filesystem::path silent = run.path / "attempts/0000.far.away.17.0";
  std::filesystem::create_directory(dead);
  std::filesystem::create_directory(silent);
  EXPECT_EQ(dead_attempts(run, "here"), std::vector{dead});
  EXPECT_EQ(models_under_way(run, "here"), (std::vector<bool>{true, false, false, false}));
  std::filesystem::last_write_time(silent, std::filesystem::file_time_type::clock::now() - std::chrono::minutes(4));
  EXPECT_EQ(dead_attempts(run, "here").size(), 2u);
}

TEST(Command, PlacesAreQuotedForAShell) {
  const CommandPlaces places{"it's/keep.npy", "a b/$HOME.npy", "w", 17, 3};
  EXPECT_EQ(filled_command("t {keep} -o {outputs} {seed}{index} {x} {", places),
            "t 'it'\\''s/keep.npy' -o 'a b/$HOME.npy' 173 {x} {");
  const Folder folder;
  const std::filesystem::path log = folder / "log.txt";
  const CommandEnd end =
      run_command(filled_command("echo {keep}; echo oops >&2; exit 5", places), log, [] { return false; });
  EXPECT_EQ(end.exit_code, 5);
  EXPECT_EQ(tail_of(log), "'it's/keep.npy' / 'oops'");
}

TEST(Command, StopsWithAllItsChildren) {
  const Folder folder;
  int asked = 0;
  const CommandEnd end = run_command("sleep 100 & sleep 100", folder / "log.txt", [&] { return ++asked > 3; });
  EXPECT_TRUE(end.is_stopped);
  EXPECT_EQ(end.exit_code, 128 + 15);
}

}  // namespace
}  // namespace miaudit
