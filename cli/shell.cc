#include "cli/shell.h"

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <system_error>
#include <thread>

namespace miaudit::cli {
namespace {

std::atomic<bool> stop_requested{false};

void request_stop(int signal) {
  stop_requested.store(true);
  std::signal(signal, SIG_DFL);
}

constexpr auto kQuietStart = std::chrono::milliseconds(400);
constexpr auto kTerminalEvery = std::chrono::milliseconds(100);
constexpr auto kLineEvery = std::chrono::seconds(10);

std::string rate_text(double rate) {
  return rate < 1000 ? fmt::format("{:.3g}", rate) : grouped(static_cast<unsigned long long>(rate));
}

}  // namespace

Shell::Shell()
    : threads(static_cast<int>(std::max(1u, std::thread::hardware_concurrency()))),
      is_terminal_(isatty(STDERR_FILENO)) {
  // An audit takes and gives back arrays of one size over and over; asking the system for their pages each time would
  // take a fifth of the whole.
  // No other thread runs yet. NOLINTBEGIN(concurrency-mt-unsafe)
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  // NOLINTEND(concurrency-mt-unsafe)
  std::signal(SIGINT, request_stop);
  std::signal(SIGTERM, request_stop);
  std::signal(SIGPIPE, SIG_IGN);
}

Context Shell::context() {
  Context context;
  context.threads = threads;
  context.cancelled = &stop_requested;
  if (!quiet) context.progress = [this](const Progress& progress) { show(progress); };
  return context;
}

void Shell::show(const Progress& progress) {
  const auto now = std::chrono::steady_clock::now();
  if (stage_ != progress.stage) {
    stage_ = progress.stage;
    stage_start_ = now;
  }
  if (now - start_ < kQuietStart) return;
  if (now - last_shown_ <
      (is_terminal_ ? std::chrono::milliseconds(kTerminalEvery) : std::chrono::milliseconds(kLineEvery)))
    return;
  last_shown_ = now;

  const double elapsed = std::chrono::duration<double>(now - stage_start_).count();
  std::string line = fmt::format("{} {}", progress.stage, progress.done);
  if (progress.total) line += fmt::format("/{}", progress.total);
  if (progress.done && elapsed > 0)
    line += fmt::format(", {}/s", rate_text(static_cast<double>(progress.done) / elapsed));
  if (progress.done && progress.total)
    line += fmt::format(", {:.0f} s left", elapsed * static_cast<double>(progress.total - progress.done) /
                                               static_cast<double>(progress.done));
  if (!progress.detail.empty()) line += fmt::format("; {}", progress.detail);
  if (is_terminal_) {
    constexpr size_t kBar = 24;
    const size_t filled = progress.total ? std::min(kBar, kBar * progress.done / progress.total) : 0;
    line = fmt::format("[{}{}] {}", std::string(filled, '='), std::string(kBar - filled, ' '), line);
    fmt::print(stderr, "\r{:<{}}", line, shown_width_);
    shown_width_ = line.size();
  } else {
    fmt::print(stderr, "{}\n", line);
  }
  std::fflush(stderr);
}

void Shell::clear_progress() {
  if (shown_width_ == 0) return;
  fmt::print(stderr, "\r{:<{}}\r", "", shown_width_);
  std::fflush(stderr);
  shown_width_ = 0;
}

int exit_code_of(Category category) {
  switch (category) {
    case Category::input:
    case Category::config:
    case Category::unsupported:
      return 2;
    case Category::interrupted:
      return 130;
    case Category::checkpointed:
      return 75;
    case Category::numeric:
    case Category::io:
    case Category::internal:
      break;
  }
  return 1;
}

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    fail(Category::io, "cannot write to standard output: {}", std::generic_category().message(errno));
}

}  // namespace miaudit::cli
