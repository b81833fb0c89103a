#include "cli/report_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <ranges>
#include <thread>

#include "miaudit/attack/attack.h"
#include "miaudit/base/error.h"
#include "miaudit/io/file.h"

namespace miaudit::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kResult = "result.json";
constexpr const char* kRecords = "records.csv";
constexpr const char* kScores = "scores";
// In the order in which they come into their place: without the last the report is not there.
constexpr const char* kParts[] = {kScores, kRecords, kResult};
constexpr std::string_view kUnfinished = ".unfinished-miaudit-", kUnique = "XXXXXX";
constexpr const char* kReplaced = "replaced";  // within an unfinished folder: what stood in the report's place

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
  if (!fs::is_regular_file(path, error)) return false;
  std::string begin(200, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return begin.find(mark) != std::string::npos;
}

bool is_part(const fs::path& path) {
  const fs::path name = path.filename();
  return (name == kResult && is_marked(path, "\"miaudit_version\"")) ||
         (name == kRecords && is_marked(path, "row,rank")) || name == kScores || is_unfinished_file(path);
}
bool is_reports(const fs::path& path) {
  return is_part(path) || path.filename().string().starts_with(kUnfinished);
}

// Five seconds: whoever puts a report into its place takes milliseconds.
constexpr int kPatience = 250;

// Keeps others from a folder as long as this object, which keeps it open: the system lets go of a killed process's.
class FolderLock {
 public:
  FolderLock() = default;
  ~FolderLock() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  // False where somebody else keeps it after so many tries, 20 ms apart, or the file system has no locks.
  bool take(const fs::path& folder, int tries) {
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor_ < 0) return false;
    while (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK || --tries <= 0) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
  }

 private:
  int descriptor_ = -1;
};

bool holds_only_parts(const fs::path& folder, const std::function<bool(const fs::path&)>& is_own) {
  std::error_code error;
  return !stranger_in(folder, is_own) &&
         (!fs::is_directory(folder / kScores, error) || !stranger_in(folder / kScores, is_scores_file));
}
bool holds_only_a_report(const fs::path& staging) {
  std::error_code error;
  return holds_only_parts(staging,
                          [](const fs::path& path) { return is_part(path) || path.filename() == kReplaced; }) &&
         (!fs::exists(staging / kReplaced, error) || holds_only_parts(staging / kReplaced, is_part));
}

// Undoes what of putting a report into its place was done.
void put_back(const fs::path& staging, const fs::path& path) {
  std::error_code ignored;
  for (const char* part : kParts) {
    if (!fs::exists(staging / part, ignored)) fs::rename(path / part, staging / part, ignored);
    if (fs::exists(staging / kReplaced / part, ignored)) fs::rename(staging / kReplaced / part, path / part, ignored);
  }
}

// Where an audit that is not done fills a folder of its own: in the folder itself, which may be all that it may write
// to, or a disk of its own; or beside a folder that is yet to come, which then comes whole.
fs::path staging_prefix(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error) ? path / kUnfinished : fs::path(path.string() + std::string(kUnfinished));
}

// Takes away what audits into `path` left when they were killed: nobody has it locked.
void remove_stale(const fs::path& path) {
  std::error_code error;
  std::vector<fs::path> stale;
  for (const fs::path& prefix : {path / kUnfinished, fs::path(path.string() + std::string(kUnfinished))})
    for (const fs::directory_entry& entry : fs::directory_iterator(prefix.parent_path(), error)) {
      const std::string name = entry.path().filename().string(), begin = prefix.filename().string();
      if (name.starts_with(begin) && name.size() == begin.size() + kUnique.size() &&
          entry.symlink_status(error).type() == fs::file_type::directory)
        stale.push_back(entry.path());
    }
  for (const fs::path& staging : stale) {
    FolderLock lock;
    if (!lock.take(staging, 1) || !holds_only_a_report(staging)) continue;
    // Who was killed while putting a report into its place had taken the earlier one away, its result first.
    if (fs::exists(staging / kReplaced, error) && !fs::exists(path / kResult, error)) put_back(staging, path);
    fs::remove_all(staging, error);
  }
}

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
  std::error_code error;
  if (fs::is_symlink(path, error) && !fs::exists(path, error))
    fail(Category::input, "{} is a link to nothing; --out takes a folder, existing or not", path.string());
  check_own_folder(path, "audit", is_reports);
  if (fs::exists(path / kScores, error)) check_own_folder(path / kScores, "audit", is_scores_file);
}

struct ReportFolder::Staging {
  fs::path path;
  FolderLock lock;

  explicit Staging(const fs::path& of) {
    const fs::path prefix = staging_prefix(of);
    make_directory(prefix.parent_path());
    // Somebody who took it for a dead one's removes it before it is locked.
    for (std::error_code error; path.empty() || !fs::exists(path, error);) {
      std::string name = prefix.string() + std::string(kUnique);
      if (!mkdtemp(name.data()))
        fail(Category::io, "cannot put a report into {}: {}", of.string(), std::generic_category().message(errno));
      path = name;
      lock.take(path, kPatience);
    }
  }
  ~Staging() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

ReportFolder::ReportFolder(const std::string& path) {
  if (path.empty()) return;
  path_ = fs::absolute(path).lexically_normal();
  if (!path_.has_filename()) path_ = path_.parent_path();
  check(path_);
  remove_stale(path_);
  staging_ = std::make_unique<Staging>(path_);
  make_directory(staging_->path / kScores);
}

ReportFolder::~ReportFolder() = default;

fs::path ReportFolder::result() const {
  return staging_->path / kResult;
}
fs::path ReportFolder::records() const {
  return staging_->path / kRecords;
}
fs::path ReportFolder::scores(const std::string& attack) const {
  return staging_->path / kScores / (attack + ".npy");
}

void ReportFolder::publish() const {
  std::error_code error;
  const fs::path& staging = staging_->path;
  // One that is there stays the folder that it is: somebody may stand in it.
  if (!fs::exists(path_, error) && rename_directory(staging, path_)) return;
  FolderLock lock;
  lock.take(path_, kPatience);
  check(path_);  // whatever has come since
  make_directory(staging / kReplaced);
  error.clear();
  for (const char* part : kParts | std::views::reverse) {
    if (!error) fs::rename(path_ / part, staging / kReplaced / part, error);
    if (error == std::errc::no_such_file_or_directory) error.clear();
  }
  for (const char* part : kParts)
    if (!error) fs::rename(staging / part, path_ / part, error);
  if (error) {
    put_back(staging, path_);
    fail(Category::io, "cannot put the report into {}: {}", path_.string(), error.message());
  }
  fs::permissions(path_, fs::perms::owner_all, error);  // whose it is may; files are for their owner in any case
}

}  // namespace miaudit::cli
