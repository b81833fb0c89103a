#include "miaudit/train/attempt.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <fstream>
#include <optional>
#include <sstream>

#include "miaudit/base/error.h"
#include "miaudit/data/model_status.h"
#include "miaudit/io/file.h"

namespace miaudit {
namespace {

namespace fs = std::filesystem;

/// An attempt on another machine that has said nothing for so long is taken for dead.
constexpr auto kSilence = std::chrono::minutes(3);
/// Shards of an audit (`audit --shard`) do not say that they live.
constexpr auto kShardSilence = std::chrono::hours(24);
constexpr std::string_view kShard = "shard-";
constexpr std::string_view kReplaced = ".replaced";

struct Owner {
  size_t model = SIZE_MAX;  ///< none: a shard's
  std::string host;
  pid_t process = 0;
  uint64_t start = 0;  ///< of the process; 0: not told
};

/// When a process began, in ticks since the machine did: numbers are given again, in containers at once. 0 where the
/// system does not tell.
uint64_t start_of(pid_t process) {
  std::string line;
  std::getline(std::ifstream(fmt::format("/proc/{}/stat", process)), line);
  // The program's name, in parentheses, may hold anything; the start is the twentieth word after it.
  const size_t name = line.rfind(')');
  if (name == std::string::npos) return 0;
  std::istringstream words(line.substr(name + 1));
  std::string word;
  for (int i = 0; i < 20; ++i) words >> word;
  uint64_t start = 0;
  std::from_chars(word.data(), word.data() + word.size(), start);
  return start;
}

std::string this_process() {
  const uint64_t start = start_of(getpid());
  return start > 0 ? fmt::format("{}-{}", getpid(), start) : fmt::format("{}", getpid());
}

/// Of a name like 0007.host.1234-56789.0 or shard-2-of-7.host.1234.0; hosts may hold dots. None of what made room for
/// an attempt: that is no attempt.
std::optional<Owner> owner_of(const std::string& name) {
  if (name.ends_with(kReplaced)) return {};
  const size_t first = name.find('.'), last = name.rfind('.');
  if (first == std::string::npos || last == first) return {};
  const size_t middle = name.rfind('.', last - 1);
  if (middle == std::string::npos || middle <= first) return {};
  Owner owner;
  owner.host = name.substr(first + 1, middle - first - 1);
  const auto read = [&](size_t begin, size_t end, auto& value) {
    const auto [stop, error] = std::from_chars(name.data() + begin, name.data() + end, value);
    return error == std::errc() && stop == name.data() + end;
  };
  const size_t dash = std::min(name.find('-', middle), last);
  if ((!name.starts_with(kShard) && !read(0, first, owner.model)) || !read(middle + 1, dash, owner.process) ||
      (dash < last && !read(dash + 1, last, owner.start)) || owner.process <= 0)
    return {};
  return owner;
}

bool is_running(const Owner& owner) {
  if (kill(owner.process, 0) != 0 && errno == ESRCH) return false;
  const uint64_t start = start_of(owner.process);
  return owner.start == 0 || start == 0 || start == owner.start;
}

Life life_of(const fs::path& folder, const Owner& owner, const std::string& host) {
  std::error_code error;
  const auto touched = fs::last_write_time(folder, error);
  if (error) return Life::over;
  if (owner.host == host) return is_running(owner) ? Life::alive : Life::over;
  const auto silence = fs::file_time_type::clock::now() - touched;
  return silence < (owner.model == SIZE_MAX ? kShardSilence : kSilence) ? Life::unheard : Life::over;
}

template <class Body>
void for_each_attempt(const Run& run, const Body& body) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(run.path / "attempts", error))
    if (const auto owner = owner_of(entry.path().filename().string())) body(entry.path(), *owner);
}

}  // namespace

Attempt::Attempt(const Run& run, size_t model, const std::string& host) : run_(run), model_(model), host_(host) {
  static std::atomic<size_t> next{0};
  folder_ = run.path / "attempts" / fmt::format("{:04}.{}.{}.{}", model, host, this_process(), next++);
  make_directory(folder_);
}

Attempt::~Attempt() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

bool Attempt::is_second() const {
  bool is_second = false;
  for_each_attempt(run_, [&](const fs::path& other, const Owner& owner) {
    if (owner.model == model_ && other < folder_ && life_of(other, owner, host_) != Life::over) is_second = true;
  });
  return is_second;
}

Published Attempt::publish() {
  const fs::path place = run_.model(model_);
  std::error_code error;
  for (int round = 0; round < 3; ++round) {
    if (!is_still_planned(run_, model_)) return Published::overtaken;
    if (rename_directory(folder_, place)) return Published::yes;
    if (model_status(run_, model_, true).state == ModelState::done) return Published::too_late;
    // What is there is stale or broken: it makes room, under a name that no attempt has.
    const fs::path aside = run_.path / "attempts" / fmt::format("{}{}", folder_.filename().string(), kReplaced);
    fs::remove_all(aside, error);
    fs::rename(place, aside, error);
    if (error) continue;
    // Since it was looked at, a rival may have put its own there, by this plan or by a newer one.
    std::optional<Published> rival;
    try {
      if (!is_still_planned(run_, model_))
        rival = Published::overtaken;
      else if (finished_status(run_, model_, aside, true).state == ModelState::done)
        rival = Published::too_late;
    } catch (...) {
      rename_directory(aside, place);
      throw;
    }
    if (rival && rename_directory(aside, place)) return *rival;
    fs::remove_all(aside, error);
  }
  fail(Category::io, "cannot put {} in its place: {} is in the way", folder_.string(), place.string());
}

bool is_still_planned(const Run& run, size_t model) {
  const Run now = read_run_file(run.path);
  return model < now.units.size() && now.units[model] == run.units[model];
}

Life life_of(const fs::path& attempt, const std::string& host) {
  const std::optional<Owner> owner = owner_of(attempt.filename().string());
  return owner ? life_of(attempt, *owner, host) : Life::over;
}

void touch_attempts(const Run& run, const std::string& host) {
  for_each_attempt(run, [&](const fs::path& folder, const Owner& owner) {
    std::error_code ignored;
    if (owner.host == host && owner.process == getpid() && is_running(owner))
      fs::last_write_time(folder, fs::file_time_type::clock::now(), ignored);
  });
}

std::vector<bool> models_under_way(const Run& run, const std::string& host) {
  std::vector<bool> under_way(run.models);
  for_each_attempt(run, [&](const fs::path& folder, const Owner& owner) {
    if (owner.model < run.models && life_of(folder, owner, host) != Life::over) under_way[owner.model] = true;
  });
  return under_way;
}

std::vector<fs::path> dead_attempts(const Run& run, const std::string& host) {
  std::vector<fs::path> dead;
  for_each_attempt(run, [&](const fs::path& folder, const Owner& owner) {
    if (life_of(folder, owner, host) == Life::over) dead.push_back(folder);
  });
  return dead;
}

}  // namespace miaudit
