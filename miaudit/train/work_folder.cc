#include "miaudit/train/work_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <system_error>
#include <thread>
#include <utility>

#include "miaudit/base/error.h"
#include "miaudit/io/file.h"

namespace miaudit {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = ".work";
constexpr size_t kUnitDigits = 16;

std::string unit_digits(const Run& run, size_t model) {
  return run.units[model].substr(0, kUnitDigits);
}

fs::file_time_type last_written(const fs::path& path) {
  std::error_code error;
  const auto time = fs::last_write_time(path, error);
  return error ? fs::file_time_type::min() : time;
}

/// When a file within was written last. Folders' own times do not count: an attempt that did nothing made some.
fs::file_time_type last_kept(const fs::path& folder) {
  fs::file_time_type last = fs::file_time_type::min();
  std::error_code error;
  auto entry = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    if (fs::is_regular_file(entry->symlink_status(ignored))) last = std::max(last, last_written(entry->path()));
  }
  return last;
}

/// Those of an attempt's unit, the last that was written to first.
std::vector<WorkFolder> folders_of_unit(const Run& run, const Attempt& attempt) {
  std::vector<WorkFolder> folders = work_folders(run);
  std::erase_if(folders, [&](const WorkFolder& one) {
    return one.model != attempt.model() || one.unit != unit_digits(run, attempt.model());
  });
  std::map<fs::path, fs::file_time_type> kept;
  for (const WorkFolder& one : folders) kept[one.path] = last_kept(one.path);
  std::ranges::sort(folders, std::greater(),
                    [&](const WorkFolder& one) { return std::pair(kept[one.path], one.path); });
  return folders;
}

/// False where another was faster.
bool take_over(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error && error != std::errc::no_such_file_or_directory)
    fail(Category::io, "cannot rename {} to {}: {}", from.string(), to.string(), error.message());
  return !error;
}

}  // namespace

std::vector<WorkFolder> work_folders(const Run& run) {
  std::vector<WorkFolder> folders;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(run.path / "checkpoints", error)) {
    std::string name = entry.path().filename().string();
    if (!name.ends_with(kEnding)) continue;
    name.resize(name.size() - kEnding.size());
    const size_t first = name.find('.'), second = name.find('.', first + 1);
    WorkFolder folder{entry.path(), 0, {}, {}};
    const auto [stop, wrong] = std::from_chars(name.data(), name.data() + name.size(), folder.model);
    if (wrong != std::errc() || first == std::string::npos || stop != name.data() + first) continue;
    folder.unit = name.substr(first + 1, second - first - 1);
    folder.attempt = run.path / "attempts" / (name.substr(0, first) + name.substr(std::min(second, name.size())));
    folders.push_back(std::move(folder));
  }
  return folders;
}

fs::path work_folder(const Run& run, const Attempt& attempt) {
  const std::string name = attempt.folder().filename().string();
  const size_t first = name.find('.');
  return run.path / "checkpoints" /
         fmt::format("{}.{}{}{}", name.substr(0, first), unit_digits(run, attempt.model()), name.substr(first),
                     kEnding);
}

fs::path claim_work_folder(const Run& run, const Attempt& attempt, const std::string& host,
                           const std::function<bool()>& is_stopped, const std::function<void(std::string)>& tell) {
  fs::path own = work_folder(run, attempt);
  std::map<fs::path, fs::file_time_type> first_sign;
  for (bool has_told = false;;) {
    bool has_rival = false, waits = false;
    fs::path silent;
    for (const WorkFolder& one : folders_of_unit(run, attempt)) {
      const Life life = one.path == own ? Life::over : life_of(one.attempt, host);
      if (life == Life::over) {
        if (one.path == own || take_over(one.path, own)) return own;
        waits = true;  // whoever took it will be seen to live
        continue;
      }
      const auto sign = last_written(one.attempt);
      if (life == Life::alive || first_sign.emplace(one.attempt, sign).first->second != sign)
        has_rival = true;
      else
        silent = one.attempt;
    }
    if (!waits && silent.empty()) {
      make_directory(own);
      if (has_rival)
        tell(
            fmt::format("Model {}: another process is at it, so this one's command has a {{work}} of its own, which is "
                        "empty",
                        attempt.model()));
      return own;
    }
    if (is_stopped()) fail(Category::checkpointed, "stopped");
    if (!silent.empty() && !std::exchange(has_told, true))
      tell(
          fmt::format("Model {}: waiting, three minutes at most, for a sign of {}; if that is dead, its {{work}} is "
                      "gone on with",
                      attempt.model(), silent.string()));
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

}  // namespace miaudit
