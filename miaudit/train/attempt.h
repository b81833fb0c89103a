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
  size_t model() const { return model_; }
  /// Whether another living attempt at the same model was there first.
  bool is_second() const;
  /// Puts the folder in the model's place.
  Published publish();

 private:
  const Run& run_;
  size_t model_;
  std::string host_;
  std::filesystem::path folder_;
};

/// Whether run.json still has the unit of a model that `run` was read with: a plan may be changed at any time.
bool is_still_planned(const Run& run, size_t model);

enum class Life {
  over,
  alive,
  unheard  ///< its process cannot be asked after from here, and spoke less than three minutes ago
};
/// Of what an attempt's folder, which may be gone, belongs to.
Life life_of(const std::filesystem::path& attempt, const std::string& host);

/// Says that this process's attempts live; to be called now and then, for machines that cannot ask after it.
void touch_attempts(const Run& run, const std::string& host);

/// Models that some process, here or elsewhere, is at.
std::vector<bool> models_under_way(const Run& run, const std::string& host);
/// Folders under attempts/ whose process is gone.
std::vector<std::filesystem::path> dead_attempts(const Run& run, const std::string& host);

}  // namespace miaudit
