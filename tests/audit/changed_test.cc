// Reference models' files under an audit: what is said of them, and that they stay as they are.
#include <gtest/gtest.h>

#include <chrono>

#include "miaudit/audit/audit.h"
#include "miaudit/io/formats.h"
#include "tests/io/test_files.h"
#include "tests/made_models.h"

namespace miaudit {
namespace {

using testing_models::made_models;

constexpr size_t kModels = 9, kRecords = 200, kClasses = 10;

class ReferenceFiles : public InFolder {
 protected:
  ReferenceFiles() : made_(made_models({.models = kModels, .records = kRecords, .leak = 2})) {}

  std::span<const float> logits(size_t m) const { return made_.models[m].outputs.parts[0].values.as<float>(); }
  template <class T>
  std::string save(const std::string& name, std::vector<T> values, std::vector<size_t> shape) const {
    write_npy(path(name), Array::from(std::move(values), std::move(shape)));
    return path(name);
  }
  /// The target, model 0, beside all others, whose outputs are at `references`.
  Models read(const std::string& references) const {
    const std::span<const float> own = logits(0);
    std::vector<int8_t> membership;
    for (size_t m = 1; m < kModels; ++m)
      membership.insert(membership.end(), made_.models[m].membership.begin(), made_.models[m].membership.end());
    const Records target = read_records({{save<float>("o.npy", {own.begin(), own.end()}, {kRecords, kClasses})},
                                         {save<int32_t>("y.npy", made_.labels, {kRecords})},
                                         save<int8_t>("in.npy", made_.models[0].membership, {kRecords}),
                                         "",
                                         ""},
                                        {}, {});
    return read_references(target, {references, save<int8_t>("k.npy", membership, {kModels - 1, kRecords}), ""}, {},
                           {});
  }
  std::string one_file(const std::string& name) const {
    std::vector<float> all;
    for (size_t m = 1; m < kModels; ++m) all.insert(all.end(), logits(m).begin(), logits(m).end());
    return save<float>(name, std::move(all), {kModels - 1, kRecords, kClasses});
  }
  std::string folder_of_files() const {
    std::filesystem::create_directory(path("r"));
    for (size_t m = 1; m < kModels; ++m)
      save<float>("r/" + std::to_string(m) + ".npy", {logits(m).begin(), logits(m).end()}, {kRecords, kClasses});
    return path("r");
  }
  static AuditResult audit_of(const Models& models) {
    AuditPlan plan;
    plan.attacks = {"base"};
    return audit(models, std::vector<size_t>{0}, {}, plan, {});
  }
  static void touch(const std::string& file) {
    std::filesystem::last_write_time(file, std::filesystem::last_write_time(file) + std::chrono::seconds(2));
  }

  Models made_;
};

TEST_F(ReferenceFiles, MustStayAsTheyAreUnderAnAudit) {
  const std::string file = one_file("r.npy"), folder = folder_of_files();
  for (const auto& [references, changed] : {std::pair(file, file), std::pair(folder, folder + "/7.npy")}) {
    const Models models = read(references);
    EXPECT_EQ(audit_of(models).attacks.size(), 1u);
    touch(changed);
    expect_error(Category::input, {changed, "was written to while it was in use"}, [&] { audit_of(models); });
  }
  const Models models = read(file);
  touch(path("o.npy"));
  expect_error(Category::input, {"o.npy was written to while it was in use"}, [&] { audit_of(models); });
}

TEST_F(ReferenceFiles, AreToldApartByAllThatTheyHold) {
  const auto described = [&](const std::string& references) {
    std::vector<FileRecord> of_references;
    for (const FileRecord& file : read(references).files)
      if (file.role == "reference outputs") of_references.push_back(file);
    return of_references;
  };
  const FileRecord before = described(one_file("r.npy")).at(0);
  EXPECT_EQ(before.shape, (std::vector<size_t>{kModels - 1, kRecords, kClasses}));
  std::swap(made_.models[5], made_.models[6]);
  const std::vector<FileRecord> after = described(one_file("r.npy"));
  EXPECT_EQ(after.size(), 1u);
  EXPECT_NE(after[0].hash, before.hash);
  EXPECT_EQ(described(folder_of_files()).size(), kModels - 1);
}

TEST_F(ReferenceFiles, ThatMayNotBeListedAreNamed) {
  const std::string folder = folder_of_files();
  const AsNobody nobody(folder_);
  std::filesystem::permissions(folder, std::filesystem::perms::none);
  expect_error(Category::io, {"cannot look into", folder, "Permission denied"}, [&] { read(folder); });
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all);
}

}  // namespace
}  // namespace miaudit
