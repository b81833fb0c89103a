#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "miaudit/base/error.h"
#include "miaudit/io/file.h"

namespace miaudit {

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// The bytes of a seed that fuzz/make_corpus.py made: the honest ones are NumPy's own.
inline FileBytes seed(const std::string& path) {
  return FileBytes::open(std::filesystem::path(MIAUDIT_SOURCE_DIR) / "fuzz" / "corpus" / path);
}
inline std::string seed_path(const std::string& path) {
  return (std::filesystem::path(MIAUDIT_SOURCE_DIR) / "fuzz" / "corpus" / path).string();
}

/// An empty folder of its own for each test, removed with it.
class InFolder : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) /
              (std::string("miaudit_io_") + info->test_suite_name() + "_" + info->name() + std::to_string(getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override {
    std::filesystem::permissions(folder_, std::filesystem::perms::owner_all);
    std::filesystem::remove_all(folder_);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string written(const std::string& name, std::string_view content) const {
    write_file(path(name), content);
    return path(name);
  }
  size_t files() const { return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder_), {})); }

  std::filesystem::path folder_;
};

/// For as long as it lives, permissions hold for this process even if it is root's, whom they would not stop: it is
/// then nobody, and `folder` with all that is in it is nobody's.
class AsNobody {
 public:
  explicit AsNobody(const std::filesystem::path& folder) {
    if (geteuid() != 0) return;
    give(folder);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) give(entry.path());
    EXPECT_EQ(seteuid(kNobody), 0);
  }
  ~AsNobody() {
    if (getuid() != 0) return;
    EXPECT_EQ(seteuid(0), 0);
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  static constexpr uid_t kNobody = 65534;
  static void give(const std::filesystem::path& path) { EXPECT_EQ(lchown(path.c_str(), kNobody, kNobody), 0); }
};

/// Expects an Error of the category whose message holds every part.
template <class Action>
void expect_error(Category category, std::initializer_list<std::string_view> parts, Action&& action) {
  try {
    action();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), category) << error.what();
    for (const std::string_view part : parts)
      EXPECT_NE(std::string_view(error.what()).find(part), std::string_view::npos)
          << "no \"" << part << "\" in: " << error.what();
  }
}

}  // namespace miaudit
