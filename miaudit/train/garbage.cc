#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "miaudit/data/model_status.h"
#include "miaudit/io/file.h"
#include "miaudit/train/asking.h"
#include "miaudit/train/attempt.h"
#include "miaudit/train/shadow.h"
#include "miaudit/train/work_folder.h"

namespace miaudit {
namespace {

namespace fs = std::filesystem;

/// A file that nobody has written to for so long is not being written.
constexpr auto kForgotten = std::chrono::minutes(10);

bool is_forgotten(const fs::path& file) {
  std::error_code error;
  const auto touched = fs::last_write_time(file, error);
  return !error && fs::file_time_type::clock::now() - touched > kForgotten;
}

std::vector<fs::path> unfinished_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (is_unfinished_file(entry.path())) files.push_back(entry.path());
  return files;
}

/// Work folders of commands that neither serve an attempt nor will go over to one.
void add_work_folders(const Run& run, const std::string& host, std::vector<fs::path>& garbage) {
  for (WorkFolder& one : work_folders(run)) {
    const bool is_awaited = one.model < run.models && run.units[one.model].starts_with(one.unit) &&
                            model_status(run, one.model, false).state != ModelState::done;
    if (!is_awaited && life_of(one.attempt, host) == Life::over) garbage.push_back(std::move(one.path));
  }
}

std::vector<fs::path> find_garbage(const Run& run, const std::string& host) {
  // Before the attempts, so that a file whose attempt is not among those that live is a dead one's.
  std::vector<fs::path> unfinished;
  for (const char* folder : {"checkpoints", "failed"})
    for (fs::path& file : unfinished_files(run.path / folder)) unfinished.push_back(std::move(file));
  std::vector<fs::path> garbage = dead_attempts(run, host);
  const std::vector<bool> under_way = models_under_way(run, host);
  const bool any_lives = std::ranges::find(under_way, true) != under_way.end();
  for (fs::path& file : unfinished)
    if (!any_lives || is_forgotten(file)) garbage.push_back(std::move(file));
  // A plan fills no attempt.
  for (fs::path& file : unfinished_files(run.path))
    if (is_forgotten(file)) garbage.push_back(std::move(file));
  std::error_code error;
  for (size_t m = 0; m < run.models; ++m) {
    if (model_status(run, m, false).state != ModelState::done) continue;
    for (const fs::path& left :
         {run.checkpoint(m), answers_beside(run.checkpoint(m)), run.failure(m), run.failure_log(m)})
      if (fs::exists(left, error)) garbage.push_back(left);
  }
  if (!run.units.empty()) add_work_folders(run, host, garbage);
  for (const auto& entry : fs::directory_iterator(run.path / "attempts", error))
    // What makes room may be looked at, to be put back.
    if (entry.path().extension() == ".replaced" &&
        life_of(fs::path(entry.path()).replace_extension(), host) == Life::over)
      garbage.push_back(entry.path());
  return garbage;
}

}  // namespace

Garbage collect_garbage(const fs::path& path, const std::string& host) {
  Garbage result;
  for (fs::path& one : find_garbage(read_run(path), host)) {
    std::error_code error;
    fs::remove_all(one, error);
    if (error)
      result.left.push_back({std::move(one), error.message()});
    else
      result.removed.push_back(std::move(one));
  }
  return result;
}

}  // namespace miaudit
