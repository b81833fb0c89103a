#include "miaudit/train/plan.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "miaudit/io/json.h"
#include "miaudit/train/command.h"
#include "miaudit/train/quoted_places.h"
#include "tests/train/made_run.h"

namespace miaudit {
namespace {

using testing::Folder;
using testing::planned;
using testing::refusal;
using testing::small_plan;

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
  write_plan(folder / "run", plan, dataset, "here");
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
    return refusal([&] { write_plan(folder / "run", plan, dataset, "here"); });
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
  EXPECT_NE(broken([](auto& f) { f["models"] = 5; }).find("'partners' lists 4 models of 5"), std::string::npos);
  EXPECT_NE(broken([](auto& f) { f["models"] = "4"; }).find("'models'"), std::string::npos);
  EXPECT_NE(broken([](auto& f) { f.erase("schema_version"); }).find("'schema_version'"), std::string::npos);
  EXPECT_NE(broken([](auto& f) { f["partners"] = {1, 0, 3, 1}; }).find("not mutual"), std::string::npos);
  EXPECT_NE(broken([](auto& f) { f["partners"] = {1, 0, 7, 2}; }).find("not mutual"), std::string::npos);
  EXPECT_NE(broken([](auto& f) { f["units"] = {"a"}; }).find("'units'"), std::string::npos);
  EXPECT_NE(broken([](auto& f) { f["brought"] = {9}; }).find("'brought'"), std::string::npos);
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

TEST(Command, PlacesInsideQuotesOfItsOwnAreFound) {
  for (const char* good :
       {"t {keep} {outputs}", "t --out={outputs}", "echo 'a' \"b\" {outputs}", "t '{seed}' \"{index}\" {outputs}",
        "echo it\\'s {keep}", "t \"a\\\"b\" {keep}", "cd \"$(dirname {outputs})\"", "cd \"`dirname {outputs}`\"",
        "d=\"$( (cd 'x'; dirname {outputs}) )\"; t {keep}", "t # don't\nt {keep}", "t a#b {keep}",
        "python3 - {keep} <<'E'\nprint(\"it's {outputs}\")\nE"})
    EXPECT_EQ(quoted_place(good), "") << good;
  const std::pair<const char*, const char*> bad[] = {{"t '{keep}'", "{keep}"},
                                                     {"t {keep} \"{outputs}\"", "{outputs}"},
                                                     {"t \"--out={outputs}\"", "{outputs}"},
                                                     {"t \\{work}", "{work}"},
                                                     {"sh -c 't {work} {keep}'", "{work}"},
                                                     {"a=\"$(t \"{keep}\")\"", "{keep}"},
                                                     {"a=\"$(t)\"; t \"{keep}\"", "{keep}"},
                                                     {"a=\"$(t) {keep}\"", "{keep}"},
                                                     {"t a#'{keep}'", "{keep}"},
                                                     {"t # don't\nt '{keep}'", "{keep}"}};
  for (const auto& [command, place] : bad) EXPECT_EQ(quoted_place(command), place) << command;
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
