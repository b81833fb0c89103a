#pragma once

#include <atomic>
#include <chrono>
#include <string>

#include "miaudit/base/context.h"

namespace miaudit::cli {

/// The program's side of the world: threads, signals, the progress line on stderr, the exit code.
class Shell {
 public:
  /// Ctrl-C and TERM ask the work to stop (a second one ends the program at once).
  Shell();
  Context context();

  int threads;
  bool quiet = false;
  int exit_code = 0;

  /// Ends the progress line, so that what follows stands on its own.
  void clear_progress();

 private:
  void show(const Progress& progress);

  bool is_terminal_;
  size_t shown_width_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_shown_ = start_;
  std::chrono::steady_clock::time_point stage_start_ = start_;
  std::string stage_;
  uint64_t stage_first_ = 0;  ///< what was done when the stage began
};

/// Exit code of a failure: 2 for bad usage or input, 130 when interrupted, 75 when that kept a
/// checkpoint, 1 otherwise.
int exit_code_of(Category category);

/// Writes to stdout; Error(io) when it cannot take it (a closed pipe, a full disk).
void print(std::string_view text);

/// This machine's, as attempts at a run's models are named after: two processes get the same only where each can ask
/// whether the other lives. It changes with a restart, and from container to container.
std::string host_name();

}  // namespace miaudit::cli
