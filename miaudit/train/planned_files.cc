#include "miaudit/train/planned_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <utility>

#include "miaudit/io/formats.h"

namespace miaudit {

PlannedFiles::PlannedFiles(std::filesystem::path run, const ShadowPlan& plan)
    : run_(std::move(run)), plan_(plan), marks_(marks()) {}

std::vector<std::string> PlannedFiles::marks() const {
  std::vector<std::string> marks;
  for (const std::string& path : {plan_.data.data, plan_.data.labels}) {
    struct stat s;
    // A folder in a file's place is where something is not mounted.
    if (path.empty() || stat(file_of(path).c_str(), &s) != 0 || S_ISDIR(s.st_mode))
      marks.emplace_back();
    else
      // The time of change as well: that of writing can be set back.
      marks.push_back(fmt::format("{} {} {} {}.{} {}.{}", s.st_dev, s.st_ino, s.st_size, s.st_mtim.tv_sec,
                                  s.st_mtim.tv_nsec, s.st_ctim.tv_sec, s.st_ctim.tv_nsec));
  }
  return marks;
}

bool PlannedFiles::are_there() const {
  const std::lock_guard lock(mutex_);
  const std::vector<std::string> now = marks();
  for (size_t k = 0; k < now.size(); ++k)
    if (now[k].empty() && !marks_[k].empty()) return false;
  return true;
}

void PlannedFiles::compare() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> now = marks();
  if (now == marks_) return;
  read_planned_data(run_, plan_, {});
  marks_ = std::move(now);
}

}  // namespace miaudit
