#pragma once

#include <functional>
#include <string>

#include "cli/shell.h"
#include "miaudit/train/dataset.h"
#include "miaudit/train/model_folder.h"
#include "miaudit/train/recipe.h"

namespace miaudit::cli {

/// One training from files to a folder, as `train` and `demo` run it.
struct TrainRequest {
  DatasetPaths data;
  DatasetPaths test;  ///< further records to ask the model about; empty for none
  DatasetOptions reading;
  std::function<Recipe(const Dataset&)> recipe;
  std::string membership;     ///< a file, or "" to draw the members
  size_t member_count = 0;    ///< 0: by the share
  double member_share = 0.5;  ///< of the records
  size_t queries = 1;
  uint64_t seed = 0;
  double checkpoint_every = 60;  ///< seconds
  std::string out;
};

/// Reads, trains, writes the folder, says what came of it.
ModelFigures run_train(const TrainRequest& request, Shell& shell);

}  // namespace miaudit::cli
