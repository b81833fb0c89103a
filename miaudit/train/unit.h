#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "miaudit/train/attempt.h"
#include "miaudit/train/plan.h"
#include "miaudit/train/planned_files.h"
#include "miaudit/train/shadow.h"

namespace miaudit {

/// What the models of a run are made from.
struct UnitSource {
  const Run& run;
  const ShadowPlan& plan;
  const Dataset& dataset;
  const ShadowOptions& options;
  PlannedFiles& files;
};

/// What the making of a model hears and says.
struct UnitContext {
  const std::atomic<bool>& is_stopped;
  /// How much of work_of() this process has done so far, and how much of it what was kept spared it.
  std::function<void(uint64_t done, uint64_t spared)> progress;
  std::function<void(std::string)> tell;  ///< a sentence
};

/// The work that a model takes, in samples to train on, of which an answer takes a third: it goes through the layers
/// once where training goes there and back. 0 for outputs that are brought, and for a command: its work is not known.
uint64_t work_of(const Run& run, const ShadowPlan& plan, size_t model);

struct MadeUnit {
  nlohmann::json about;       ///< what done.json is to say of it
  std::string why;            ///< there is no model; "" where there is
  std::filesystem::path log;  ///< of what failed; empty where nothing was printed
};

/// Makes one model in an attempt's folder: by the engine, by the plan's command, or of outputs that were brought.
/// Throws Error(checkpointed) when it is stopped, Error(input) where a command may have read other data than were
/// planned with, Error(io) where one failed on a full disk.
MadeUnit make_unit(const UnitSource& source, const Attempt& attempt, const UnitContext& context);

/// Writes done.json beside all that an attempt's folder holds, which it lists but for the log.
void seal_unit(const Run& run, const Attempt& attempt, nlohmann::json about);

/// Keeps why a model was given up, and what its command printed (`log`, where there is one).
void record_failure(const Run& run, size_t model, const std::string& why, const std::filesystem::path& log);

}  // namespace miaudit
