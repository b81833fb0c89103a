#include "miaudit/train/command.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
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

/// What posix_spawn is to do before the program begins: files, signals as they are by default, the process group.
class Start {
 public:
  explicit Start(pid_t group) {
    check(posix_spawn_file_actions_init(&files_), "posix_spawn_file_actions_init");
    check(posix_spawnattr_init(&attributes_), "posix_spawnattr_init");
    sigset_t defaults;
    sigemptyset(&defaults);
    for (const int signal : {SIGINT, SIGTERM, SIGPIPE}) sigaddset(&defaults, signal);
    check(posix_spawnattr_setsigdefault(&attributes_, &defaults), "posix_spawnattr_setsigdefault");
    check(posix_spawnattr_setpgroup(&attributes_, group), "posix_spawnattr_setpgroup");
    check(posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF),
          "posix_spawnattr_setflags");
  }
  ~Start() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&attributes_);
  }
  Start(const Start&) = delete;
  Start& operator=(const Start&) = delete;

  void open(int descriptor, const char* path, int flags) {
    check(posix_spawn_file_actions_addopen(&files_, descriptor, path, flags, 0600), path);
  }
  void copy(int from, int to) { check(posix_spawn_file_actions_adddup2(&files_, from, to), "dup2"); }

  pid_t shell(const std::string& line, char* const environment[]) {
    std::string program = "/bin/sh", option = "-c", text = line;
    char* const arguments[] = {program.data(), option.data(), text.data(), nullptr};
    pid_t process = 0;
    check(posix_spawn(&process, program.c_str(), &files_, &attributes_, arguments, environment), "/bin/sh");
    return process;
  }

 private:
  posix_spawn_file_actions_t files_{};
  posix_spawnattr_t attributes_{};
};

/// A process group that does not outlive this process, however that ends: its leader waits for a pipe that we hold to
/// close, and then kills the group. Nothing that was started in it outlives the object either: what a command leaves
/// behind could write into the next one's outputs.
class Group {
 public:
  Group() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) check(errno, "pipe2");
    pipe_ = ends[1];
    try {
      Start start(0);
      start.copy(ends[0], STDIN_FILENO);
      start.open(STDOUT_FILENO, "/dev/null", O_WRONLY);
      start.open(STDERR_FILENO, "/dev/null", O_WRONLY);
      leader_ = start.shell("trap '' TERM; read line; kill -KILL 0", environ);
    } catch (...) {
      close(ends[0]);
      close(pipe_);
      throw;
    }
    close(ends[0]);
  }
  ~Group() {
    send(SIGKILL);
    while (waitpid(leader_, nullptr, 0) < 0 && errno == EINTR) continue;
    close(pipe_);
  }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  pid_t leader() const { return leader_; }
  void send(int signal) const { kill(-leader_, signal); }

 private:
  int pipe_ = -1;
  pid_t leader_ = 0;
};

pid_t start_command(const std::string& line, const std::filesystem::path& log, const Group& group) {
  Start start(group.leader());
  start.open(STDIN_FILENO, "/dev/null", O_RDONLY);
  start.open(STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND);
  start.copy(STDOUT_FILENO, STDERR_FILENO);
  std::vector<char*> environment;
  bool has_threads = false;
  for (char** entry = environ; *entry; ++entry) {
    environment.push_back(*entry);
    has_threads |= std::string_view(*entry).starts_with("OMP_NUM_THREADS=");
  }
  std::string one_thread = "OMP_NUM_THREADS=1";
  if (!has_threads) environment.push_back(one_thread.data());
  environment.push_back(nullptr);
  // A shell without a trap dies of SIGTERM at once, and what it waits for would get no time to keep its work.
  return start.shell("trap 'exit 143' TERM\n" + line, environment.data());
}

}  // namespace

CommandEnd run_command(const std::string& line, const std::filesystem::path& log,
                       const std::function<bool()>& is_stopped) {
  const Group group;
  const pid_t process = start_command(line, log, group);
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
      group.send(SIGTERM);
    } else if (end.is_stopped && Clock::now() > patience) {
      group.send(SIGKILL);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

std::string tail_of(const std::filesystem::path& log, uintmax_t begin) {
  constexpr size_t kLines = 3;
  std::ifstream file(log);
  file.seekg(static_cast<std::streamoff>(begin));
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
