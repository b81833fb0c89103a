#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "miaudit/io/formats.h"
#include "miaudit/train/trainer.h"

namespace miaudit {

/// A training that was interrupted: all that going on needs, in arrays of the plain layout, so that it can be read with
/// NumPy. The generator has no state but the position.
struct Checkpoint {
  std::string fingerprint;  ///< of the job
  std::string engine;       ///< engine_name(): another one would give other bytes
  uint64_t epoch = 0;       ///< epochs done; of gbdt rounds, and all that follows but its tensor is empty
  uint64_t step = 0;        ///< steps done in this epoch
  double loss_sum = 0;      ///< of this epoch's records so far
  uint64_t correct = 0;
  std::vector<EpochFigures> history;
  std::vector<NamedArray>
      tensors;  ///< "weights/layer0.weight", "momentum/layer0.weight", …; of gbdt "trees/xgboost_json"
};

void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);

/// The checkpoint at `path`, if there is one and it is this job's and this engine's; `why_not` says why another one is
/// not used.
std::optional<Checkpoint> read_checkpoint(const std::filesystem::path& path, const std::string& fingerprint,
                                          const std::string& engine, std::string& why_not);

/// The epochs done by a job's checkpoint, whatever engine made it; none where there is no such.
std::optional<uint64_t> checkpoint_epochs(const std::filesystem::path& path, const std::string& fingerprint);

/// Why a file cannot be read as a checkpoint; "" where it can, whatever job and engine it is of.
std::string checkpoint_complaint(const std::filesystem::path& path);

/// The tensor of a name. Throws Error(input) where the checkpoint has none of this size.
std::span<const float> tensor_of(const Checkpoint& checkpoint, const std::string& name, size_t size);

/// When a training writes its checkpoint.
class CheckpointTimer {
 public:
  explicit CheckpointTimer(const Keeping& keeping) : keeping_(keeping), last_(now()) {}
  bool is_due() {
    if (keeping_.checkpoint.empty() || !keeping_.clock || now() - last_ < keeping_.interval) return false;
    last_ = now();
    return true;
  }

 private:
  double now() const { return keeping_.clock ? keeping_.clock() : 0; }
  const Keeping& keeping_;
  double last_;
};

}  // namespace miaudit
