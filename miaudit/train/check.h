#pragma once

#include <optional>
#include <string>
#include <vector>

#include "miaudit/base/context.h"
#include "miaudit/data/model_status.h"

namespace miaudit {

/// What there is to say of a run's files.
struct RunCheck {
  std::vector<ModelStatus> models;  ///< `why` also says what is amiss with a checkpoint
  std::vector<std::string> data;    ///< of the files that the run was planned with: sentences without full stops
  bool is_sound =
      true;  ///< nothing is damaged or given up, and the data are those of the plan as far as they are there
};

/// Reads every file of a run: checksums, whether outputs are such and alike, whose checkpoints these are, and whether
/// data and outputs that the run was planned with are as they were. What a later plan left behind, and data that lie on
/// another machine, are said and are no damage.
RunCheck check_run(const Run& run, const Context& context);

/// How far the unfinished models are by their checkpoints.
struct EpochsKept {
  uint64_t planned = 0;
  /// Of each model; none of finished ones, and where no checkpoint of this plan's is there.
  std::vector<std::optional<uint64_t>> done;
};
EpochsKept epochs_kept(const Run& run, const std::vector<ModelStatus>& models);

}  // namespace miaudit
