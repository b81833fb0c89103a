#pragma once

#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "miaudit/train/plan.h"

namespace miaudit {

/// The files that a plan's records lie in, which a command reads by itself, whenever it likes.
class PlannedFiles {
 public:
  /// To be made before they are read: what changes meanwhile is then seen.
  PlannedFiles(std::filesystem::path run, const ShadowPlan& plan);

  /// Throws as read_planned_data() does where they no longer are what was planned with. Reads them again where their
  /// size, times or places on the disk differ from when they were last looked at; any number of threads may ask.
  void compare();
  /// Whether none is missing that was there at the start.
  bool are_there() const;

 private:
  std::vector<std::string> marks() const;

  std::filesystem::path run_;
  const ShadowPlan& plan_;
  mutable std::mutex mutex_;
  std::vector<std::string> marks_;
};

}  // namespace miaudit
