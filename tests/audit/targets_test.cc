#include "miaudit/audit/targets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "tests/made_models.h"

namespace miaudit {
namespace {

using testing_models::Design;
using testing_models::made_models;

constexpr size_t kRecords = 100;
constexpr uint64_t kOfOne = 2 * 64 * kRecords;  // memory that allows one target

std::vector<size_t> all_of(const Models& models) {
  std::vector<size_t> all(models.models.size());
  std::iota(all.begin(), all.end(), size_t{0});
  return all;
}

TEST(Targets, AreAllThatWereAskedForWhereTheyFit) {
  const Models models = made_models({.models = 8, .records = kRecords});
  std::vector<Warning> warnings;
  EXPECT_EQ(targets_within(8 * kOfOne, models, all_of(models), warnings), all_of(models));
  EXPECT_EQ(targets_within(2 * kOfOne, models, std::vector<size_t>{5, 2}, warnings), (std::vector<size_t>{5, 2}));
  EXPECT_TRUE(warnings.empty());
}

TEST(Targets, AreWholeFamiliesWhereNotAllFit) {
  const Models models = made_models({.models = 40, .records = kRecords});
  for (size_t fit = 4; fit < 40; ++fit) {
    std::vector<Warning> warnings;
    const std::vector<size_t> targets = targets_within(fit * kOfOne, models, all_of(models), warnings);
    EXPECT_EQ(targets.size(), fit & ~size_t{1});
    EXPECT_TRUE(std::ranges::is_sorted(targets));
    for (const size_t m : targets) EXPECT_TRUE(std::ranges::binary_search(targets, m ^ 1)) << m;
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_EQ(warnings[0].code, "targets_left_out");
    EXPECT_NE(warnings[0].message.find(fmt::format("{} of 40 models were targets", fit & ~size_t{1})),
              std::string::npos);
    EXPECT_EQ(warnings[0].advice, "--memory 64M audits all 40");
  }
}

// Splits come in their order, so that the first of them have the same side of the first records.
TEST(Targets, AreSpreadEvenly) {
  const Models models = made_models({.models = 400, .records = kRecords, .design = Design::bernoulli});
  std::vector<Warning> warnings;
  const std::vector<size_t> targets = targets_within(100 * kOfOne, models, all_of(models), warnings);
  ASSERT_EQ(targets.size(), 100u);
  for (size_t i = 0; i < 2; ++i) {
    const auto learnt = [&](size_t m) { return models.models[m].membership[i]; };
    const auto of_all = std::ranges::count(all_of(models), 1, learnt), own = std::ranges::count(targets, 1, learnt);
    EXPECT_NEAR(static_cast<double>(own), static_cast<double>(of_all) / 4, 2);
  }
}

TEST(Targets, AreTheSameModelsWhateverTheirNumbers) {
  Models models = made_models({.models = 40, .records = kRecords});
  std::vector<Warning> warnings;
  const auto splits_of = [&](const std::vector<size_t>& targets) {
    std::set<std::vector<int8_t>> splits;
    for (const size_t m : targets) splits.insert(models.models[m].membership);
    return splits;
  };
  const auto before = splits_of(targets_within(10 * kOfOne, models, all_of(models), warnings));
  std::ranges::reverse(models.models);  // a pair stands where a pair stood
  EXPECT_EQ(before, splits_of(targets_within(10 * kOfOne, models, all_of(models), warnings)));
}

TEST(Targets, AreTheLeastFamilyWhereLittleFits) {
  Models models = made_models({.models = 12, .records = kRecords});
  models.families = {0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9};
  std::vector<Warning> warnings;
  EXPECT_EQ(targets_within(6 * kOfOne, models, all_of(models), warnings), (std::vector<size_t>{9, 10, 11}));
  try {
    targets_within(5 * kOfOne, models, all_of(models), warnings);
    ADD_FAILURE() << "no family fits";
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::config);
    EXPECT_NE(std::string_view(error.what()).find("figures of 3 targets x 100 records"), std::string_view::npos);
  }
}

TEST(Targets, TellWhichMemoryWouldDo) {
  std::string said;
  try {
    check_memory({256, 2'000'000}, uint64_t{2} << 30);
  } catch (const Error& error) {
    said = error.what();
  }
  EXPECT_NE(said.find("give --memory 62G, or one model with --target"), std::string::npos) << said;
  try {
    check_memory({.targets = 1, .records = 1'000'000, .values = 3'000'000}, uint64_t{64} << 20);
  } catch (const Error& error) {
    said = error.what();
  }
  EXPECT_NE(said.find("give --memory 550M"), std::string::npos) << said;  // that scoring takes too
  check_memory({256, 2'000'000}, uint64_t{62} << 30);
}

}  // namespace
}  // namespace miaudit
