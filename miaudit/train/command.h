#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace miaudit {

/// How a process ended.
struct CommandEnd {
  bool is_stopped = false;  ///< by us
  int exit_code = 0;        ///< 128 + the signal where one ended it
};

/// Runs a line of shell in a process group of its own, both its outputs into `log`, with OMP_NUM_THREADS=1 unless that
/// is set: models run beside each other. `is_stopped` is asked some times a second; once it says so the group gets
/// TERM, and KILL ten seconds later. Throws Error(io) where it cannot be started.
CommandEnd run_command(const std::string& line, const std::filesystem::path& log,
                       const std::function<bool()>& is_stopped);

/// The last lines of a log from a byte on, made harmless for a terminal.
std::string tail_of(const std::filesystem::path& log, uintmax_t begin = 0);

}  // namespace miaudit
