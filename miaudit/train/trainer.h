#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "miaudit/base/context.h"
#include "miaudit/base/matrix.h"
#include "miaudit/io/formats.h"
#include "miaudit/train/dataset.h"
#include "miaudit/train/recipe.h"

namespace miaudit {

/// One model to train. Its bytes follow from this, the data set, and the engine's name; from nothing else.
struct TrainingJob {
  Recipe recipe;
  uint64_t seed = 0;
  uint64_t model = 0;             ///< below 2^24: models of one seed draw apart
  std::vector<uint32_t> members;  ///< records to learn, ascending
};

/// What tells a job on a data set from any other. data: its identity().
std::string fingerprint(const TrainingJob& job, const nlohmann::json& data);
std::string fingerprint(const TrainingJob& job, const Dataset& dataset);

/// What computes models of a recipe, with its version and instruction set: another one gives other bytes.
std::string engine_of(const Recipe& recipe);

/// The records drawn for training: `count` of `records`, ascending.
std::vector<uint32_t> draw_members(size_t records, size_t count, uint64_t seed, uint64_t model);

/// One pass over the members: means over its steps, each before its update. Of gbdt: after the round.
struct EpochFigures {
  double loss = 0;      ///< in nats
  double accuracy = 0;  ///< share
};

/// Rows (a record's view each) that a model was asked before.
struct Asking {
  size_t answered = 0;                         ///< rows that `out` holds
  std::function<void(size_t answered)> after;  ///< hears how many are answered, before every batch but the first
};

class TrainedModel {
 public:
  virtual ~TrainedModel() = default;
  /// out[record][query][class]. `context` hears of it as "asking".
  virtual void logits(const Dataset& dataset, std::span<const uint32_t> records, std::span<const View> queries,
                      std::span<float> out, const Context& context, const Asking& asking = {}) const = 0;
  /// What it has learnt, as arrays that NumPy reads.
  virtual std::vector<NamedArray> weights() const = 0;
  const std::vector<EpochFigures>& history() const { return history_; }

 protected:
  std::vector<EpochFigures> history_;
};

/// Where and when a training keeps what it has done.
struct Keeping {
  std::filesystem::path checkpoint;  ///< a file's name; empty for none
  double interval = 60;              ///< seconds between checkpoints
  std::function<double()> clock;     ///< seconds from any point on; empty: only when the work is stopped or done
  /// Hears, before the training, what came of a checkpoint that was found: a sentence without its full stop.
  std::function<void(const std::string&)> tell;
};

/// Throws Error(config) for an unknown architecture, records that it cannot take and options that it has no use for,
/// Error(input) for members of one class, Error(unsupported) for what this machine cannot do.
void check_trainable(const TrainingJob& job, const Dataset& dataset);

/// The views that a model of this recipe is asked with. Throws as query_views() does, and for several of gbdt.
std::vector<View> asked_views(const Recipe& recipe, size_t queries, const Dataset& dataset);

/// Trains one model in the calling thread. Goes on from the checkpoint where it is this job's and this engine's; else
/// starts again. A cancelled context ends it with a checkpoint and Error(checkpointed). Throws Error(numeric) where the
/// loss is no longer finite, Error(io) where a checkpoint cannot be written.
std::unique_ptr<TrainedModel> train_model(const Dataset& dataset, const TrainingJob& job, const Keeping& keeping,
                                          const Context& context);

}  // namespace miaudit
