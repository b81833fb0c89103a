#include "miaudit/train/command.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <system_error>
#include <thread>
#include <vector>

#include "miaudit/base/error.h"
#include "miaudit/io/raw.h"

namespace miaudit {
namespace {

using Clock = std::chrono::steady_clock;

void check(int code, const char* call) {
  if (code != 0) fail(Category::io, "cannot start the command: {}: {}", call, std::generic_category().message(code));
}

pid_t start(const std::string& line, const std::filesystem::path& log) {
  posix_spawn_file_actions_t files;
  check(posix_spawn_file_actions_init(&files), "posix_spawn_file_actions_init");
  posix_spawnattr_t attributes;
  check(posix_spawnattr_init(&attributes), "posix_spawnattr_init");
  check(posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0), "stdin");
  check(posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600),
        "log");
  check(posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO), "log");
  sigset_t defaults;
  sigemptyset(&defaults);
  for (const int signal : {SIGINT, SIGTERM, SIGPIPE}) sigaddset(&defaults, signal);
  check(posix_spawnattr_setsigdefault(&attributes, &defaults), "posix_spawnattr_setsigdefault");
  check(posix_spawnattr_setpgroup(&attributes, 0), "posix_spawnattr_setpgroup");
  check(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF),
        "posix_spawnattr_setflags");

  std::vector<char*> environment;
  bool has_threads = false;
  for (char** entry = environ; *entry; ++entry) {
    environment.push_back(*entry);
    has_threads |= std::string_view(*entry).starts_with("OMP_NUM_THREADS=");
  }
  std::string one_thread = "OMP_NUM_THREADS=1";
  if (!has_threads) environment.push_back(one_thread.data());
  environment.push_back(nullptr);
  std::string shell = "/bin/sh", option = "-c", text = line;
  char* const arguments[] = {shell.data(), option.data(), text.data(), nullptr};
  pid_t process = 0;
  const int code = posix_spawn(&process, shell.c_str(), &files, &attributes, arguments, environment.data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  check(code, "/bin/sh");
  return process;
}

}  // namespace

CommandEnd run_command(const std::string& line, const std::filesystem::path& log,
                       const std::function<bool()>& is_stopped) {
  const pid_t process = start(line, log);
  CommandEnd end;
  Clock::time_point patience{};
  for (;;) {
    int status = 0;
    const pid_t ended = waitpid(process, &status, WNOHANG);
    if (ended == process) {
      end.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      return end;
    }
    if (ended < 0) fail(Category::io, "lost the command's process: {}", std::generic_category().message(errno));
    if (!end.is_stopped && is_stopped()) {
      end.is_stopped = true;
      patience = Clock::now() + std::chrono::seconds(10);
      kill(-process, SIGTERM);
    } else if (end.is_stopped && Clock::now() > patience) {
      kill(-process, SIGKILL);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

std::string tail_of(const std::filesystem::path& log) {
  constexpr size_t kLines = 3;
  std::ifstream file(log);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    lines.push_back(printable(line));
    if (lines.size() > kLines) lines.erase(lines.begin());
  }
  std::string text;
  for (const std::string& line : lines) text += (text.empty() ? "" : " / ") + line;
  return text.empty() ? "it printed nothing" : text;
}

}  // namespace miaudit
