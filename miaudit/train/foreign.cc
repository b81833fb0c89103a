#include "miaudit/train/foreign.h"

#include <fmt/format.h>

#include "miaudit/data/model_status.h"
#include "miaudit/io/file.h"
#include "miaudit/io/formats.h"
#include "miaudit/io/raw.h"
#include "miaudit/train/command.h"
#include "miaudit/train/work_folder.h"

namespace miaudit {
namespace {

namespace fs = std::filesystem;

constexpr const char* kKeep = "keep.npy";
constexpr const char* kOutputs = "outputs.npy";

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
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!fs::is_regular_file(entry.symlink_status(ignored)))
      return fmt::format("beside its outputs it made {}, which is no regular file; folders belong into {{work}}",
                         printable(name));
    if (!is_utf8(name))
      return fmt::format(
          "beside its outputs it made {}, whose name is no UTF-8, so that done.json cannot list it; give it another, "
          "or put it into {{work}}",
          printable(name));
  }
  return "";
}

/// Why what a command left cannot be a model; "" where it can. log_begin: where the log of this try begins.
std::string complaint_of(const CommandEnd& end, const fs::path& folder, uintmax_t log_begin, const Run& run,
                         size_t queries, size_t classes) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored))
    return "it removed the folder of {outputs}, its log with it; it may only write {outputs} and change {work}";
  if (end.exit_code != 0)
    return fmt::format("exit code {}: {}", end.exit_code, tail_of(folder / kCommandLog, log_begin));
  if (std::string why = foreign_entry(folder); !why.empty()) return why;
  const fs::path outputs = folder / kOutputs;
  if (!fs::exists(outputs, ignored))
    return fmt::format("it ended without an error, and without {}, which {{outputs}} names", kOutputs);
  try {
    // The folder is gone before anybody reads this.
    const FileBytes file = FileBytes::open(outputs);
    return outputs_complaint(parse_npy(file.bytes(), file.owner(), "{outputs}"), run.records, queries, classes,
                             Columns::as_many);
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

void bring_outputs(const UnitSource& source, const Attempt& attempt) {
  const ShadowPlan& plan = source.plan;
  const Array given = read_target_outputs(plan);
  if (const std::string why =
          outputs_complaint(given, source.run.records, plan.queries, source.dataset.classes, Columns::as_many);
      !why.empty())
    fail(Category::input, "{}: {}", plan.target_outputs, why);
  write_npy(attempt.folder() / kOutputs, given);
}

ForeignOutputs call_command(const UnitSource& source, const Attempt& attempt, const UnitContext& context) {
  const auto& [run, plan, dataset, options, files] = source;
  const size_t model = attempt.model();
  const auto is_stopped = [&] { return context.is_stopped.load(); };
  const fs::path work = claim_work_folder(run, attempt, options.host, is_stopped, context.tell);
  const fs::path keep = attempt.folder() / kKeep, outputs = attempt.folder() / kOutputs;
  const fs::path log = attempt.folder() / kCommandLog;
  std::vector<uint8_t> membership(run.records);
  for (const uint32_t member : run.members(model)) membership[member] = 1;
  const Array kept = Array::from(std::move(membership), {run.records});
  const CommandPlaces places{fs::absolute(keep).string(), fs::absolute(outputs).string(), fs::absolute(work).string(),
                             command_seed(plan, model), model};
  ForeignOutputs made;
  for (size_t tries = 1; tries <= options.attempts; ++tries) {
    // The try before may have taken away what it was given.
    make_directory(work);
    make_directory(attempt.folder());
    take_tries_away(attempt.folder());
    write_npy(keep, kept);
    std::error_code none_yet;
    const uintmax_t size = fs::file_size(log, none_yet), log_begin = none_yet ? 0 : size;
    const CommandEnd end = run_command(filled_command(plan.command, places), log, is_stopped);
    // Whatever it exits with: outputs of a script that saves them after each epoch may be those of the last one done.
    if (end.is_stopped) fail(Category::checkpointed, "stopped");
    made = {complaint_of(end, attempt.folder(), log_begin, run, plan.queries, dataset.classes), tries};
    if (made.why.empty()) break;
  }
  std::error_code ignored;
  fs::remove_all(keep, ignored);
  // A command writes by its own umask; who was trained on is nobody else's business.
  // (A link that it left leads to somebody's file, which is not ours to change.)
  for (const fs::directory_entry& entry : fs::directory_iterator(attempt.folder(), ignored))
    if (fs::is_regular_file(entry.symlink_status(ignored)))
      fs::permissions(entry.path(), fs::perms::owner_read | fs::perms::owner_write, ignored);
  return made;
}

}  // namespace miaudit
