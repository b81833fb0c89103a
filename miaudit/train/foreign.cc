#include "miaudit/train/foreign.h"

#include <fmt/format.h>

#include "miaudit/io/file.h"
#include "miaudit/io/formats.h"
#include "miaudit/io/raw.h"
#include "miaudit/train/command.h"

namespace miaudit {
namespace {

namespace fs = std::filesystem;

constexpr const char* kKeep = "keep.npy";

/// What an earlier try of a command left in an attempt's folder must not pass for the next one's.
void take_tries_away(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (entry.path().filename() != kCommandLog && entry.path().filename() != kKeep)
      fs::remove_all(entry.path(), ignored);
}

/// What a command put beside its outputs that is no file of its own, or that says what only we may say; "" for nothing.
std::string foreign_entry(const fs::path& folder) {
  std::error_code ignored;
  if (fs::exists(folder / "done.json", ignored))
    return "beside its outputs it wrote done.json, which belongs to the run; files of its own belong into {work}";
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (!fs::is_regular_file(entry.symlink_status(ignored)))
      return fmt::format("beside its outputs it made {}, which is no regular file; folders belong into {{work}}",
                         printable(entry.path().filename().string()));
  return "";
}

ForeignOutputs look_at(const fs::path& outputs, const Run& run, size_t queries, size_t classes) {
  try {
    const Array array = read_npy(outputs);
    ForeignOutputs found{outputs_complaint(array, run.records, queries, classes), "", 1};
    if (found.why.empty() && array.shape().back() > classes)
      found.note = fmt::format("its outputs tell {} classes apart, the labels only {}", array.shape().back(), classes);
    return found;
  } catch (const Error& error) {
    return {error.what(), "", 1};
  }
}

}  // namespace

ForeignOutputs bring_outputs(const Run& run, const ShadowPlan& plan, size_t classes, const Attempt& attempt) {
  const Array given = read_array(plan.target_outputs);
  if (content_hash(given.bytes()) != plan.target_outputs_hash)
    fail(Category::input,
         "{} is not what this run was planned with: its values changed. Put the file back, or plan again",
         plan.target_outputs);
  write_npy(attempt.folder() / "outputs.npy", given);
  ForeignOutputs found = look_at(attempt.folder() / "outputs.npy", run, plan.queries, classes);
  if (!found.why.empty()) fail(Category::input, "{}: {}", plan.target_outputs, found.why);
  return found;
}

ForeignOutputs call_command(const Run& run, const ShadowPlan& plan, size_t classes, size_t model,
                            const Attempt& attempt, size_t attempts, const std::function<bool()>& is_stopped) {
  const fs::path work = work_folder(run, model), keep = attempt.folder() / kKeep;
  const fs::path log = attempt.folder() / kCommandLog, outputs = attempt.folder() / "outputs.npy";
  make_directory(work);
  std::vector<uint8_t> membership(run.records);
  for (const uint32_t member : run.members(model)) membership[member] = 1;
  write_npy(keep, Array::from(std::move(membership), {run.records}));
  const CommandPlaces places{fs::absolute(keep).string(), fs::absolute(outputs).string(), fs::absolute(work).string(),
                             command_seed(plan, model), model};
  ForeignOutputs made;
  for (size_t tries = 1; tries <= attempts; ++tries) {
    take_tries_away(attempt.folder());
    const CommandEnd end = run_command(filled_command(plan.command, places), log, is_stopped);
    if (end.is_stopped) fail(Category::checkpointed, "stopped");
    std::string why = end.exit_code != 0 ? fmt::format("exit code {}: {}", end.exit_code, tail_of(log))
                                         : foreign_entry(attempt.folder());
    made = why.empty() ? look_at(outputs, run, plan.queries, classes) : ForeignOutputs{std::move(why), "", tries};
    made.tries = tries;
    if (made.why.empty()) break;
  }
  std::error_code ignored;
  fs::remove_all(keep, ignored);
  return made;
}

}  // namespace miaudit
