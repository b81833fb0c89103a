#include "cli/report_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <optional>

#include "miaudit/attack/attack.h"
#include "miaudit/base/error.h"
#include "miaudit/io/file.h"

namespace miaudit::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kResult = "result.json";
constexpr const char* kRecords = "records.csv";
constexpr const char* kScores = "scores";
constexpr std::string_view kUnfinished = ".unfinished-";

// The first entry of `folder` that is not its author's.
std::optional<fs::path> stranger_in(const fs::path& folder, const std::function<bool(const fs::path&)>& is_own) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error))
    if (!is_own(entry.path())) return entry.path();
  // One that has vanished was another audit's, which is putting a new one there.
  if (error && error != std::errc::no_such_file_or_directory)
    fail(Category::io, "cannot read the folder {}: {}", folder.string(), error.message());
  return {};
}

bool is_scores_file(const fs::path& path) {
  const std::span<const AttackRow> table = attack_table();
  return is_unfinished_file(path) || std::any_of(table.begin(), table.end(), [&](const AttackRow& attack) {
           return path.filename() == fmt::format("{}.npy", attack.name);
         });
}

// Whether the file's first bytes hold what a report's hold; one that has vanished was another audit's, which is writing
// a new one.
bool is_marked(const fs::path& path, std::string_view mark) {
  std::error_code error;
  if (fs::symlink_status(path, error).type() == fs::file_type::not_found) return true;
  std::string begin(200, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return begin.find(mark) != std::string::npos;
}

bool is_reports(const fs::path& path) {
  const fs::path name = path.filename();
  return (name == kResult && is_marked(path, "\"miaudit_version\"")) ||
         (name == kRecords && is_marked(path, "row,rank")) || name == kScores || is_unfinished_file(path);
}

// The process that a folder `<name>.unfinished-<process>` belongs to.
std::optional<pid_t> owner_of(const fs::path& staging, const fs::path& path) {
  const std::string name = staging.filename().string();
  const std::string prefix = path.filename().string() + std::string(kUnfinished);
  pid_t owner = 0;
  if (!name.starts_with(prefix)) return {};
  const auto [end, error] = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), owner);
  if (error != std::errc() || end != name.data() + name.size() || owner <= 0) return {};
  return owner;
}

bool holds_only_a_report(const fs::path& staging) {
  std::error_code error;
  if (stranger_in(staging, is_reports)) return false;
  return !fs::is_directory(staging / kScores, error) || !stranger_in(staging / kScores, is_scores_file);
}

void remove_stale(const fs::path& path) {
  std::error_code error;
  std::vector<fs::path> stale;
  for (const fs::directory_entry& entry : fs::directory_iterator(path.parent_path(), error)) {
    const std::optional<pid_t> owner = owner_of(entry.path(), path);
    if (owner && kill(*owner, 0) != 0 && errno == ESRCH &&
        entry.symlink_status(error).type() == fs::file_type::directory)
      stale.push_back(entry.path());
  }
  for (const fs::path& staging : stale)
    if (holds_only_a_report(staging)) fs::remove_all(staging, error);
}

// Keeps others from putting reports into a folder as long as this object. Where the file system has no locks nobody
// is kept.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder) : descriptor_(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    while (descriptor_ >= 0 && flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) continue;
  }
  ~FolderLock() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace

void check_own_folder(const fs::path& folder, std::string_view author,
                      const std::function<bool(const fs::path&)>& is_own) {
  std::error_code error;
  if (!fs::exists(folder, error)) return;
  if (!fs::is_directory(folder, error))
    fail(Category::input, "{} is a file; --out takes a folder, existing or not", folder.string());
  if (const auto stranger = stranger_in(folder, is_own))
    fail(Category::input, "{} already holds {}, which no {} wrote; give --out a new or empty folder", folder.string(),
         stranger->filename().string(), author);
}

void ReportFolder::check(const fs::path& path) {
  check_own_folder(path, "audit", is_reports);
  std::error_code error;
  if (fs::exists(path / kScores, error)) check_own_folder(path / kScores, "audit", is_scores_file);
}

ReportFolder::ReportFolder(const std::string& path) {
  if (path.empty()) return;
  path_ = fs::absolute(path).lexically_normal();
  if (!path_.has_filename()) path_ = path_.parent_path();
  check(path_);
  remove_stale(path_);
  staging_ = fmt::format("{}{}{}", path_.string(), kUnfinished, getpid());
  make_directory(staging_ / kScores);
}

ReportFolder::~ReportFolder() {
  std::error_code ignored;
  if (is_wanted()) fs::remove_all(staging_, ignored);
}

fs::path ReportFolder::result() const {
  return staging_ / kResult;
}
fs::path ReportFolder::records() const {
  return staging_ / kRecords;
}
fs::path ReportFolder::scores(const std::string& attack) const {
  return staging_ / kScores / (attack + ".npy");
}

void ReportFolder::publish() const {
  std::error_code error;
  // One that is there stays the folder that it is: somebody may stand in it.
  if (!fs::exists(path_, error) && rename_directory(staging_, path_)) return;
  const FolderLock lock(path_);
  for (const char* name : {kResult, kRecords, kScores})
    if (!error) fs::remove_all(path_ / name, error);
  for (const char* name : {kScores, kRecords, kResult})
    if (!error) fs::rename(staging_ / name, path_ / name, error);
  if (!error) fs::permissions(path_, fs::perms::owner_all, error);
  if (error) fail(Category::io, "cannot put the report into {}: {}", path_.string(), error.message());
}

}  // namespace miaudit::cli
