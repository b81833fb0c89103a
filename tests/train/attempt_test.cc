#include "miaudit/train/attempt.h"
#include "miaudit/data/model_status.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "miaudit/io/formats.h"
#include "miaudit/train/shadow.h"
#include "miaudit/train/work_folder.h"
#include "tests/train/made_run.h"

namespace miaudit {
namespace {

using testing::Folder;
using testing::planned;
using testing::small_plan;
namespace fs = std::filesystem;

void fill(const Attempt& attempt, const std::string& unit) {
  std::ofstream(attempt.folder() / "outputs.npy") << "outputs of " << unit;
  testing::seal(attempt.folder(), unit);
}

void make_older(const fs::path& path, std::chrono::minutes age) {
  fs::last_write_time(path, fs::file_time_type::clock::now() - age);
}

fs::path claimed(const miaudit::Run& run, const Attempt& attempt) {
  return claim_work_folder(
      run, attempt, "here", [] { return false; }, [](const std::string&) {});
}

TEST(Attempts, TheFirstToPublishWins) {
  const Dataset dataset = testing::made_images(60, {1, 8, 8}, 3);
  const Folder folder;
  const miaudit::Run run = planned(folder, small_plan(), dataset);
  Attempt first(run, 2, "here"), second(run, 2, "here");
  EXPECT_FALSE(first.is_second());
  EXPECT_TRUE(second.is_second());
  EXPECT_TRUE(models_under_way(run, "here")[2]);
  fill(first, run.units[2]);
  fill(second, run.units[2]);
  EXPECT_EQ(second.publish(), Published::yes);
  EXPECT_EQ(first.publish(), Published::too_late);
  EXPECT_EQ(model_status(run, 2, true).state, ModelState::done);
  // What is stale makes room.
  Attempt stale(run, 3, "here"), fresh(run, 3, "here");
  fill(stale, "another plan's");
  fill(fresh, run.units[3]);
  EXPECT_EQ(stale.publish(), Published::yes);
  EXPECT_EQ(model_status(run, 3, true).state, ModelState::stale);
  EXPECT_EQ(fresh.publish(), Published::yes);
  EXPECT_EQ(model_status(run, 3, true).state, ModelState::done);
}

// Whoever makes room for its own may find that a rival did so first: that model stays.
TEST(Attempts, OfTwoThatReplaceWhatIsStaleOneWins) {
  const Dataset dataset = testing::made_images(60, {1, 8, 8}, 3);
  const Folder folder;
  const miaudit::Run run = planned(folder, small_plan(), dataset);
  for (int round = 0; round < 3; ++round) {
    fs::remove_all(run.model(1));
    Attempt stale(run, 1, "here"), first(run, 1, "here"), second(run, 1, "here");
    fill(stale, "another plan's");
    fill(first, run.units[1]);
    fill(second, run.units[1]);
    ASSERT_EQ(stale.publish(), Published::yes);
    // So much to remove between the look and the rename gives the rival its time.
    const fs::path aside = second.folder().string() + ".replaced";
    fs::create_directory(aside);
    for (int i = 0; i < 1000; ++i) std::ofstream(aside / std::to_string(i));
    Published ends[2];
    std::thread rival([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ends[0] = first.publish();
    });
    ends[1] = second.publish();
    rival.join();
    ASSERT_NE(ends[0], ends[1]) << round;
    ASSERT_EQ(model_status(run, 1, true).state, ModelState::done);
  }
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
  // What made room for an attempt is none, however long ago, and whichever of its process's attempts that was.
  for (const int which : {0, 3}) {
    const std::filesystem::path aside =
        run.path / "attempts" / fmt::format("0001.here.{}-1.{}.replaced", getpid(), which);
    std::filesystem::create_directory(aside);
    std::filesystem::last_write_time(aside, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
    EXPECT_EQ(dead_attempts(run, "here"), std::vector{dead}) << which;
    EXPECT_FALSE(models_under_way(run, "here")[1]) << which;
    std::filesystem::remove(aside);
  }
  // This process has the number of one that is gone, as the first of a container has when that begins anew.
  std::filesystem::remove(dead);
  const std::filesystem::path renewed = run.path / "attempts" / fmt::format("0001.here.{}-1.0", getpid());
  std::filesystem::create_directory(renewed);
  EXPECT_EQ(dead_attempts(run, "here"), std::vector{renewed});
  {
    const Attempt living(run, 2, "here");
    EXPECT_EQ(dead_attempts(run, "here"), std::vector{renewed});
  }
  EXPECT_EQ(models_under_way(run, "here"), (std::vector<bool>{true, false, false, false}));
  std::filesystem::last_write_time(silent, std::filesystem::file_time_type::clock::now() - std::chrono::minutes(4));
  EXPECT_EQ(dead_attempts(run, "here").size(), 2u);
}

TEST(Attempts, AnOlderPlansIsNotPublishedOverANewerOnes) {
  const Dataset dataset = testing::made_images(60, {1, 8, 8}, 3);
  const Folder folder;
  const miaudit::Run before = planned(folder, small_plan(), dataset);
  Attempt old(before, 1, "here");
  fill(old, before.units[1]);
  ShadowPlan changed = small_plan();
  changed.seed = 7;
  EXPECT_EQ(write_plan(folder / "run", changed, dataset, "here").overtaken, 1u);
  const miaudit::Run after = read_run(folder / "run");
  Attempt fresh(after, 1, "here");
  fill(fresh, after.units[1]);
  EXPECT_EQ(fresh.publish(), Published::yes);
  EXPECT_EQ(old.publish(), Published::overtaken);
  EXPECT_EQ(model_status(after, 1, true).state, ModelState::done);
  const fs::path kept = claimed(before, old);
  EXPECT_NE(claimed(after, fresh), kept);
  EXPECT_TRUE(fs::exists(kept)) << "a command would go on from another plan's checkpoint";
}

/// A work folder that an attempt elsewhere left, with a file in it.
fs::path held_elsewhere(const miaudit::Run& run, const std::string& name) {
  fs::create_directory(run.path / "attempts" / ("0001." + name));
  make_older(run.path / "attempts" / ("0001." + name), std::chrono::minutes(0));
  const fs::path work = run.path / "checkpoints" / ("0001." + run.units[1].substr(0, 16) + "." + name + ".work");
  fs::create_directory(work);
  std::ofstream(work / "checkpoint") << name;
  return work;
}

TEST(WorkFolders, GoOverFromTheDeadAndNeverFromTheLiving) {
  const Dataset dataset = testing::made_images(60, {1, 8, 8}, 3);
  const Folder folder;
  const miaudit::Run run = planned(folder, small_plan(), dataset);
  // What an attempt leaves, the next finds, wherever it comes from; a rival gets an empty one.
  fs::path left;
  {
    const Attempt first(run, 1, "here");
    left = claimed(run, first);
    std::ofstream(left / "checkpoint") << "x";
    const Attempt rival(run, 1, "here");
    const fs::path other = claimed(run, rival);
    EXPECT_NE(other, left);
    EXPECT_TRUE(fs::is_empty(other));
    fs::remove(other);
  }
  {
    const Attempt next(run, 1, "here");
    const fs::path work = claimed(run, next);
    EXPECT_TRUE(fs::exists(work / "checkpoint"));
    EXPECT_FALSE(fs::exists(left)) << "an attempt that is taken for dead and lives would still write to it";
    EXPECT_EQ(claimed(run, next), work);
    fs::remove_all(work);
  }
  // Of one that cannot be asked after: a sign of life leaves it its folder, three minutes without give it away.
  for (const bool lives : {true, false}) {
    const fs::path work = held_elsewhere(run, "far.away.17.0"), attempt = run.path / "attempts/0001.far.away.17.0";
    const Attempt waiting(run, 1, "here");
    size_t asked = 0;
    const auto is_stopped = [&] {
      if (++asked == 2) make_older(attempt, std::chrono::minutes(lives ? 0 : 4));
      return false;
    };
    std::vector<std::string> told;
    const fs::path mine =
        claim_work_folder(run, waiting, "here", is_stopped, [&](std::string text) { told.push_back(std::move(text)); });
    EXPECT_EQ(asked, 2u);
    EXPECT_EQ(fs::exists(work), lives);
    EXPECT_NE(fs::exists(mine / "checkpoint"), lives);
    ASSERT_EQ(told.size(), lives ? 2u : 1u);
    EXPECT_NE(told[0].find("0001.far.away.17.0"), std::string::npos);
    fs::remove_all(mine);
    fs::remove_all(work);
  }
  // Whoever is told to stop does not wait.
  held_elsewhere(run, "far.away.17.0");
  const Attempt stopped(run, 1, "here");
  EXPECT_THROW(claim_work_folder(
                   run, stopped, "here", [] { return true; }, [](const std::string&) {}),
               Error);
}

TEST(WorkFolders, OfSeveralThatWhichWasWrittenToLastIsGoneOnWith) {
  const Dataset dataset = testing::made_images(60, {1, 8, 8}, 3);
  const Folder folder;
  const miaudit::Run run = planned(folder, small_plan(), dataset);
  // Hours of one that overwrites its checkpoint, and two that came later and soon died.
  std::vector<fs::path> left;
  for (const char* name : {"far.17.0", "far.18.0", "far.19.0"}) {
    left.push_back(held_elsewhere(run, name));
    fs::remove(run.path / "attempts" / (std::string("0001.") + name));
  }
  fs::create_directory(left[0] / "kept");
  fs::rename(left[0] / "checkpoint", left[0] / "kept/checkpoint");
  fs::remove(left[2] / "checkpoint");
  make_older(left[0] / "kept/checkpoint", std::chrono::minutes(5));
  make_older(left[0] / "kept", std::chrono::minutes(600));
  make_older(left[0], std::chrono::minutes(600));
  make_older(left[1] / "checkpoint", std::chrono::minutes(30));
  const Attempt next(run, 1, "here");
  std::ifstream file(claimed(run, next) / "kept/checkpoint");
  std::string held;
  file >> held;
  EXPECT_EQ(held, "far.17.0");
}

TEST(Garbage, NothingOfTheLivingGoes) {
  const Dataset dataset = testing::made_images(60, {1, 8, 8}, 3);
  const Folder folder;
  const miaudit::Run run = planned(folder, small_plan(), dataset);
  const auto removed = [&] { return collect_garbage(run.path, "here").removed; };
  const fs::path temporary = run.path / "checkpoints/.miaudit-abcdef", plans = run.path / ".miaudit-ghijkl";
  std::ofstream(temporary) << "x";
  std::ofstream(plans) << "x";
  fs::path work;
  {
    const Attempt living(run, 0, "here");
    work = claimed(run, living);
    // The same process number in another container, or before a restart: this process cannot ask after it.
    fs::create_directory(run.path / "attempts/0001.there.4194305.0");
    EXPECT_TRUE(removed().empty());
    make_older(run.path / "attempts/0001.there.4194305.0", std::chrono::minutes(4));
    EXPECT_EQ(removed(), std::vector{run.path / "attempts/0001.there.4194305.0"});
    make_older(plans, std::chrono::minutes(11));
    EXPECT_EQ(removed(), std::vector{plans});
    EXPECT_TRUE(fs::exists(temporary));
  }
  EXPECT_EQ(removed(), std::vector{temporary}) << "nobody writes it any more";
  EXPECT_TRUE(fs::exists(work)) << "the next attempt goes on from it";
  ShadowPlan changed = small_plan();
  changed.seed = 7;
  write_plan(run.path, changed, dataset, "here");
  EXPECT_EQ(removed(), std::vector{work}) << "no attempt will go on from another plan's";
}

}  // namespace
}  // namespace miaudit
