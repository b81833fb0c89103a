#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace miaudit::cli {

/// The folder that an audit writes: filled in a folder of its own, in its place or beside it, and put there when all of
/// it is right, so that a failed audit leaves an earlier report as it was and a new one never holds files of an old
/// one.
class ReportFolder {
 public:
  /// path: "" for none. Throws as check() does. Takes away what audits into the same folder left in it or beside it
  /// when they were killed.
  explicit ReportFolder(const std::string& path);
  ~ReportFolder();
  ReportFolder(const ReportFolder&) = delete;
  ReportFolder& operator=(const ReportFolder&) = delete;

  /// Throws Error(input) where `path` is a file, or a folder that holds what no audit wrote.
  static void check(const std::filesystem::path& path);

  bool is_wanted() const { return !path_.empty(); }
  std::filesystem::path result() const;
  std::filesystem::path records() const;
  std::filesystem::path scores(const std::string& attack) const;
  void publish() const;

 private:
  struct Staging;
  std::filesystem::path path_;
  std::unique_ptr<Staging> staging_;
};

/// Throws Error(input) where --out names a file, or a folder with an entry that is none of its `author`'s.
void check_own_folder(const std::filesystem::path& folder, std::string_view author,
                      const std::function<bool(const std::filesystem::path&)>& is_own);

}  // namespace miaudit::cli
