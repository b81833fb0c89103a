#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "miaudit/train/attempt.h"

namespace miaudit {

/// Where a command keeps what is to outlive its attempt: under checkpoints/, with the attempt's name. No two attempts
/// that live have one together.
struct WorkFolder {
  std::filesystem::path path;
  size_t model = 0;
  std::string unit;               ///< its first digits
  std::filesystem::path attempt;  ///< whose it is
};
std::vector<WorkFolder> work_folders(const Run& run);

/// The place of an attempt's own.
std::filesystem::path work_folder(const Run& run, const Attempt& attempt);

/// Gives an attempt the folder that the last one at the same unit left, by a rename, which only one can win; where
/// there is none, a new one. Where one is held by an attempt that cannot be asked after (another machine's, another
/// container's), waits until that shows that it lives, or is taken for dead: after three minutes without a sign.
/// `tell` hears what a person should know. Throws Error(checkpointed) when `is_stopped` says so, Error(io).
std::filesystem::path claim_work_folder(const Run& run, const Attempt& attempt, const std::string& host,
                                        const std::function<bool()>& is_stopped,
                                        const std::function<void(std::string)>& tell);

}  // namespace miaudit
