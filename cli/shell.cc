#include "cli/shell.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>

#include "cli/memory.h"
#include "miaudit/io/file.h"

namespace miaudit::cli {
namespace {

std::atomic<bool> stop_requested{false};

template <size_t kSize>
[[noreturn]] void end_at_once(const char (&why)[kSize], int status) {
  (void)!write(STDERR_FILENO, why, kSize - 1);
  _exit(status);
}

void request_stop(int signal) {
  // Nothing is asked whether to stop while somebody else's pipe is waited for, and nothing is half-written then. A
  // scheduler's SIGTERM waits all the same: training then ends with its own word.
  if (signal == SIGINT && is_waiting_for_a_pipe())
    end_at_once("miaudit: interrupted while it waited for a pipe\n", 130);
  stop_requested.store(true);
  std::signal(signal, SIG_DFL);
}

// The system has no other word for a mapped file that somebody cuts short.
void tell_of_missing_page(int) {
  end_at_once(
      "miaudit: a file was cut short, or its disk failed, while it was in use; see that nothing writes to what is "
      "audited, and run the same again\n",
      1);
}

constexpr auto kQuietStart = std::chrono::milliseconds(400);
constexpr auto kTerminalEvery = std::chrono::milliseconds(100);
constexpr auto kLineEvery = std::chrono::seconds(10);

std::string rate_text(double rate) {
  return rate < 1000 ? fmt::format("{:.3g}", rate) : grouped(static_cast<unsigned long long>(rate));
}

size_t terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// A bar as long as the line has room for, and the text, cut where the line ends: a longer one could not be overwritten.
std::string with_bar(const std::string& text, const Progress& progress, size_t columns) {
  constexpr size_t kLongest = 24, kShortest = 4, kFrame = 4;  // "[] " and a free column
  if (progress.total == 0 || text.size() + kFrame + kShortest > columns) return text.substr(0, columns - 1);
  const size_t bar = std::min(kLongest, columns - kFrame - text.size());
  const size_t filled = std::min(bar, bar * progress.done / progress.total);
  return fmt::format("[{}{}] {}", std::string(filled, '='), std::string(bar - filled, ' '), text);
}

// Where a process number means one process: this boot of this machine, in this container. Where the system does not
// say, nobody else may ask after our processes.
std::string process_world() {
  std::string boot;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot);
  std::error_code error;
  std::string space = std::filesystem::read_symlink("/proc/self/ns/pid", error).string();  // pid:[4026531836]
  std::erase_if(space, [](char c) { return c < '0' || c > '9'; });
  return boot.empty() || space.empty() ? fmt::format("process{}", getpid()) : fmt::format("{:.8}-{}", boot, space);
}

}  // namespace

Shell::Shell()
    : threads(static_cast<int>(std::max(1u, std::thread::hardware_concurrency()))),
      is_terminal_(isatty(STDERR_FILENO)) {
  keep_freed_memory();
  std::signal(SIGINT, request_stop);
  std::signal(SIGTERM, request_stop);
  std::signal(SIGBUS, tell_of_missing_page);
  // A terminal that closes; nohup has it ignored already, and that stays.
  if (std::signal(SIGHUP, request_stop) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  // A limit on file sizes is then an error of the write, like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
}

Context Shell::context() {
  Context context;
  context.threads = threads;
  context.cancelled = &stop_requested;
  context.clock = [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  };
  if (!quiet) context.progress = [this](const Progress& progress) { show(progress); };
  return context;
}

void Shell::show(const Progress& progress) {
  const auto now = std::chrono::steady_clock::now();
  if (stage_ != progress.stage) {
    stage_ = progress.stage;
    stage_start_ = now;
    stage_first_ = progress.done;
  }
  if (now - start_ < kQuietStart) return;
  if (now - last_shown_ <
      (is_terminal_ ? std::chrono::milliseconds(kTerminalEvery) : std::chrono::milliseconds(kLineEvery)))
    return;
  last_shown_ = now;

  // What was done before this program started (a training that goes on) says nothing of its speed.
  const double elapsed = std::chrono::duration<double>(now - stage_start_).count();
  const double done_here = static_cast<double>(progress.done - std::min(progress.done, stage_first_));
  std::string text = progress.detail.empty() ? fmt::format("{} {}", progress.stage, progress.done)
                                             : fmt::format("{} {}", progress.stage, progress.detail);
  if (progress.detail.empty() && progress.total) text += fmt::format("/{}", progress.total);
  if (done_here > 0 && elapsed > 0) text += fmt::format(", {}/s", rate_text(done_here / elapsed));
  if (done_here > 0 && progress.total)
    text += fmt::format(", {:.0f} s left", elapsed * static_cast<double>(progress.total - progress.done) / done_here);
  if (is_terminal_) {
    const std::string line = with_bar(text, progress, terminal_columns());
    fmt::print(stderr, "\r{:<{}}", line, shown_width_);
    shown_width_ = line.size();
  } else {
    fmt::print(stderr, "{}\n", text);
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

std::string host_name() {
  char name[256] = {};
  const std::string host = gethostname(name, sizeof name - 1) == 0 && name[0] ? name : "localhost";
  return fmt::format("{}-{}", host, process_world());
}

}  // namespace miaudit::cli
