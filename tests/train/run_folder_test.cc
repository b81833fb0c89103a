#include <gtest/gtest.h>

#include "miaudit/data/model_status.h"
#include "miaudit/io/formats.h"
#include "miaudit/io/json.h"
#include "tests/train/made_run.h"

namespace miaudit {
namespace {

using testing::Folder;
using testing::planned;
using testing::refusal;
using testing::small_plan;
namespace fs = std::filesystem;

constexpr auto kEverything = fs::copy_options::recursive | fs::copy_options::overwrite_existing;

std::string plan_again(const fs::path& path, const Dataset& dataset) {
  return refusal([&] { write_plan(path, small_plan(), dataset, "here"); });
}

// Peers rebuild the split when they resume, so that models which are there no longer match it. Here the splits on disk
// are those of run.json, or the run is refused.
TEST(RunFolder, SplitsOfAnotherPlanAreNotReadWithItsModels) {
  const Dataset dataset = testing::made_images(60, {1, 8, 8}, 3);
  const Folder folder, other;
  const miaudit::Run run = planned(folder, small_plan(), dataset);
  ShadowPlan changed = small_plan();
  changed.population_share = 0.2;
  changed.seed = 7;
  planned(other, changed, testing::made_images(60, {1, 8, 8}, 3, 2));
  for (const char* name : kRunArrays) {
    // As a plan leaves it that is killed after this file.
    fs::copy(fs::path(other / "run") / name, run.path / name, kEverything);
    const std::string why = refusal([&] { read_run(folder / "run"); });
    EXPECT_NE(why.find(name), std::string::npos) << why;
    EXPECT_NE(why.find("Plan again"), std::string::npos) << why;
    EXPECT_EQ(plan_again(folder / "run", dataset), "");
    EXPECT_EQ(read_run(folder / "run").units, run.units);
  }
  fs::remove(folder / "run/membership.npy");
  EXPECT_NE(refusal([&] { read_run(folder / "run"); }).find("membership.npy"), std::string::npos);
  EXPECT_EQ(plan_again(folder / "run", dataset), "");
  // Made by hand, nothing is recorded, and nothing is compared.
  nlohmann::json file = read_json(folder / "run/run.json");
  for (const char* key : {"checksums", "units", "plan"}) file.erase(key);
  std::ofstream(folder / "run/run.json") << file;
  fs::copy(other / "run/membership.npy", folder / "run/membership.npy", kEverything);
  EXPECT_EQ(refusal([&] { read_run(folder / "run"); }), "");
  EXPECT_NE(plan_again(folder / "run", dataset).find("made by hand"), std::string::npos);
  EXPECT_TRUE(fs::exists(other / "run/membership.npy"));
}

TEST(RunFolder, APlanThatWasCutShortCanBeMadeAgain) {
  const Dataset dataset = testing::made_images(60, {1, 8, 8}, 3);
  const Folder whole;
  planned(whole, small_plan(), dataset);
  fs::copy(whole / "run", whole / "left", kEverything);
  fs::remove(whole / "left/run.json");
  std::ofstream(whole / "left/.miaudit-plan");
  std::ofstream(whole / "left/.miaudit-abcdef") << "cut sho";
  EXPECT_EQ(plan_again(whole / "left", dataset), "");
  EXPECT_EQ(read_run(whole / "left").units, read_run(whole / "run").units);
  EXPECT_FALSE(fs::exists(whole / "left/.miaudit-plan"));
  for (const char* folder : {"models", "attempts", "checkpoints", "failed"}) {
    fs::create_directories(fs::path(whole / "early") / folder);
  }
  EXPECT_EQ(plan_again(whole / "early", dataset), "");
}

TEST(RunFolder, SomebodysFilesStay) {
  const Dataset dataset = testing::made_images(60, {1, 8, 8}, 3);
  const Folder folder;
  for (const char* name : {"labels.npy", "membership.npy", "roles.npy", "thesis.tex", "models"}) {
    const fs::path own = folder / std::string(name);
    fs::create_directories(own / "x");
    EXPECT_NE(plan_again(folder / "", dataset).find(name), std::string::npos);
    fs::remove_all(own);
    std::ofstream(own) << "mine";
    EXPECT_NE(plan_again(folder / "", dataset).find(name), std::string::npos);
    EXPECT_EQ(fs::file_size(own), 4u);
    fs::remove(own);
  }
}

TEST(RunFolder, AModelWithoutOutputsIsNotDone) {
  const Dataset dataset = testing::made_images(60, {1, 8, 8}, 3);
  const Folder folder;
  const miaudit::Run run = planned(folder, small_plan(), dataset);
  fs::create_directories(run.model(0));
  std::ofstream(run.outputs(0)) << "outputs";
  testing::seal(run.model(0), run.units[0]);
  EXPECT_EQ(model_status(run, 0, false).state, ModelState::done);
  fs::remove(run.outputs(0));
  EXPECT_EQ(model_status(run, 0, false).state, ModelState::broken);
  EXPECT_EQ(model_status(run, 0, false).why, "outputs.npy is missing");
  std::ofstream(run.outputs(0)) << "of anything";
  std::ofstream(run.model(0) / "done.json")
      << nlohmann::json{{"unit", run.units[0]}, {"files", nlohmann::json::object()}};
  EXPECT_EQ(model_status(run, 0, false).state, ModelState::broken);
  EXPECT_EQ(model_status(run, 0, false).why, "its done.json does not list outputs.npy");
}

TEST(RunFolder, AModelThatWasGivenUpIsFailedWhateverLiesInItsPlace) {
  const Dataset dataset = testing::made_images(60, {1, 8, 8}, 3);
  const Folder folder;
  const miaudit::Run run = planned(folder, small_plan(), dataset);
  fs::create_directories(run.model(0));
  std::ofstream(run.outputs(0)) << "outputs";
  const auto state_after = [&](const std::string& done_unit, const std::string& failed_unit) {
    testing::seal(run.model(0), done_unit);
    std::ofstream(run.failure(0)) << nlohmann::json{{"unit", failed_unit}, {"why", "exit code 3"}};
    return model_status(run, 0, true).state;
  };
  EXPECT_EQ(state_after("another", run.units[0]), ModelState::failed);
  EXPECT_EQ(model_status(run, 0, true).why, "exit code 3");
  EXPECT_EQ(state_after("another", "another"), ModelState::stale);
  EXPECT_EQ(state_after(run.units[0], run.units[0]), ModelState::done);
  std::ofstream(run.outputs(0)) << "damaged";
  EXPECT_EQ(model_status(run, 0, true).state, ModelState::failed);
  fs::remove(run.failure(0));
  EXPECT_EQ(model_status(run, 0, true).state, ModelState::broken);
}

TEST(RunFolder, SchemaVersionsAreWholeNumbers) {
  const Dataset dataset = testing::made_images(60, {1, 8, 8}, 3);
  const Folder folder;
  const miaudit::Run run = planned(folder, small_plan(), dataset);
  nlohmann::json file = read_json(run.path / "run.json");
  fs::create_directories(run.model(0));
  std::ofstream(run.outputs(0)) << "outputs";
  testing::seal(run.model(0), run.units[0]);
  nlohmann::json done = read_json(run.model(0) / "done.json");
  const std::vector<std::pair<const char*, const char*>> versions = {
      {"1", ""},
      {"2", "this miaudit reads up to 1"},
      {"4294967297", "has schema version 4294967297; this miaudit reads up to 1"},
      {"1e300", "has schema version 1e+300; expected the whole number 1"},
      {"-3", "has schema version -3; expected"},
      {"0", "has schema version 0; expected"},
      {"1.0", "expected the whole number 1"},
      {"\"1\"", "expected the whole number 1"},
      {"null", "expected the whole number 1"}};
  for (const auto& [version, said] : versions) {
    file["schema_version"] = done["schema_version"] = nlohmann::json::parse(version);
    std::ofstream(run.path / "run.json") << file;
    std::ofstream(run.model(0) / "done.json") << done;
    const std::string refused = refusal([&] { read_run_file(run.path); });
    EXPECT_NE(refused.find(said), std::string::npos) << version << ": " << refused;
    EXPECT_EQ(refused.empty(), *said == '\0') << version;
    ModelStatus status;
    const std::string newer = refusal([&] { status = model_status(run, 0, true); });
    EXPECT_NE((newer + status.why).find(said), std::string::npos) << version << ": " << newer << status.why;
    EXPECT_EQ(status.state == ModelState::done, *said == '\0') << version;
  }
}

TEST(RunFolder, FewerModelsLeaveTheRestWhereItIs) {
  const Dataset dataset = testing::made_images(60, {1, 8, 8}, 3);
  const Folder folder;
  const miaudit::Run run = planned(folder, small_plan(), dataset);
  for (const size_t m : {size_t{0}, size_t{3}}) {
    fs::create_directories(run.model(m));
    std::ofstream(run.outputs(m)) << "outputs";
    testing::seal(run.model(m), run.units[m]);
  }
  ShadowPlan fewer = small_plan();
  fewer.models = 2;
  const PlanChange change = write_plan(run.path, fewer, dataset, "here");
  EXPECT_EQ(change.kept, 1u);
  EXPECT_EQ(change.stale, 0u);
  EXPECT_EQ(change.left_out, 1u);
  EXPECT_EQ(write_plan(run.path, small_plan(), dataset, "here").kept, 2u);
  EXPECT_EQ(model_status(read_run(run.path), 3, true).state, ModelState::done);
}

TEST(RunFolder, OutputsThatAreBroughtAreCheckedByThePlan) {
  const Dataset dataset = testing::made_images(60, {1, 8, 8}, 3);
  const Folder folder;
  std::vector<uint8_t> membership(60);
  std::fill_n(membership.begin(), 20, uint8_t{1});
  write_npy(folder / "in.npy", Array::from(std::move(membership), {60}));
  ShadowPlan plan = small_plan();
  plan.models = 3;
  plan.target_membership = folder / "in.npy";
  plan.target_outputs = folder / "out.npy";
  const auto refused = [&](const Array& outputs) {
    write_npy(folder / "out.npy", outputs);
    return refusal([&] { write_plan(folder / "run", plan, dataset, "here"); });
  };
  std::vector<float> values(180, 0.5f);
  EXPECT_NE(refused(Array::from(std::vector<float>(177), {59, 3})).find("shape"), std::string::npos);
  EXPECT_NE(refused(Array::from(std::vector<float>(120), {60, 2})).find("shape"), std::string::npos);
  EXPECT_NE(refused(Array::from(std::vector<int32_t>(180), {60, 3})).find("int32"), std::string::npos);
  values[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_NE(refused(Array::from(values, {60, 3})).find("1 value"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder / "run"));
  values[7] = 0.25f;
  EXPECT_EQ(refused(Array::from(values, {60, 3})), "");
  EXPECT_EQ(read_plan(folder / "run").target_outputs_hash.size(), 32u);
}

}  // namespace
}  // namespace miaudit
