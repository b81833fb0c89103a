#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "miaudit/data/run.h"

namespace miaudit {

/// One try at one model: a folder of its own under attempts/, whose name says whose it is.
class Attempt {
 public:
  Attempt(const Run& run, size_t model, const std::string& host);
  ~Attempt();
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  const std::filesystem::path& folder() const { return folder_; }
  /// Whether another living attempt at the same model was there first.
  bool is_second() const;
  /// Puts the folder in the model's place. False where another attempt of the same unit got there first.
  bool publish();

 private:
  const Run& run_;
  size_t model_;
  std::string host_;
  std::filesystem::path folder_;
};

/// Says that this process's attempts live; to be called now and then, for machines that cannot ask after it.
void touch_attempts(const Run& run, const std::string& host);

/// Models that some process, here or elsewhere, is at.
std::vector<bool> models_under_way(const Run& run, const std::string& host);
/// Folders under attempts/ whose process is gone.
std::vector<std::filesystem::path> dead_attempts(const Run& run, const std::string& host);

}  // namespace miaudit
