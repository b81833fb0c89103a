#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "miaudit/data/run.h"

namespace miaudit {

/// What became of an attempt that was ready.
enum class Published {
  yes,
  too_late,  ///< another attempt of the same unit got there first
  overtaken  ///< the plan has another unit there by now: what it has made stays
};

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
  /// Whether another attempt at the same model lives.
  bool has_rival() const;
  /// Puts the folder in the model's place.
  Published publish();

 private:
  template <class Body>
  bool any_rival(const Body& is_one) const;

  const Run& run_;
  size_t model_;
  std::string host_;
  std::filesystem::path folder_;
};

/// Whether run.json still has the unit of a model that `run` was read with: a plan may be changed at any time.
bool is_still_planned(const Run& run, size_t model);
/// Where a command keeps what is to outlive an attempt at a model; another unit's is another folder.
std::filesystem::path work_folder(const Run& run, size_t model);

/// Says that this process's attempts live; to be called now and then, for machines that cannot ask after it.
void touch_attempts(const Run& run, const std::string& host);

/// Models that some process, here or elsewhere, is at.
std::vector<bool> models_under_way(const Run& run, const std::string& host);
/// Folders under attempts/ whose process is gone.
std::vector<std::filesystem::path> dead_attempts(const Run& run, const std::string& host);

}  // namespace miaudit
