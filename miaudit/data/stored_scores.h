#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "miaudit/data/models.h"
#include "miaudit/data/run.h"
#include "miaudit/data/sealed_folder.h"
#include "miaudit/data/stored_signals.h"

namespace miaudit {

/// An attack's parameters by name, as text.
using ParameterTexts = std::map<std::string, std::string, std::less<>>;

/// What follows from all records at once, found by `audit --fit` for shards to score theirs by.
struct Fit {
  struct OfTarget {
    ParameterTexts settled;  ///< Parameters as they were chosen for this target; empty where they were not yet.
    std::string shortage;    ///< Why the attack cannot score this target; "" where it can.
    size_t count = 0;        ///< of the numbers that its fit found
  };
  struct OfAttack {
    std::string name;
    ParameterTexts asked;
    std::vector<OfTarget> targets;
    std::vector<std::string> signals;  ///< of reference models, that it asked for
  };
  std::vector<size_t> targets;  ///< Numbers of models.
  uint64_t seed = 0;
  std::string kernel_target;  ///< The instruction set that it was computed by.
  std::string signals;        ///< StoredSignals::id() of those that it was computed from.
  std::vector<OfAttack> attacks;
  std::string id;  ///< Tells it from others; "" before it is written.
};

std::filesystem::path fit_path(const Run& run);
/// Writes a fit to RUN/fit, in place of another, one attack after the other.
class FitWriter {
 public:
  /// models: whose signals are stored. identities: outputs_identities() before these were read. writer: of
  /// SealedFolder.
  FitWriter(const Run& run, const Models& models, const std::vector<std::string>& identities,
            const std::string& writer);
  /// numbers: of the attack's next target.
  void write(const std::string& attack, std::span<const double> numbers);
  /// Throws Error(input) where a model has other outputs than before.
  void publish(const Fit& fit);

 private:
  const Run& run_;
  const Models& models_;
  const std::vector<std::string>& identities_;
  SealedFolder folder_;
};
/// Whether a fit is there, by what it says of models, which may take long to read: of those that stand there now.
bool may_have_fit(const Run& run, const std::vector<std::string>& identities);
/// The fit of these models, or nothing where none is there that is as it was written.
std::optional<Fit> read_fit(const Run& run, const Models& models, const std::vector<std::string>& identities);
/// What an attack's fit found.
class FitNumbers {
 public:
  /// Throws Error(input) where it is not what was written.
  FitNumbers(const Run& run, const Fit& fit, const Fit::OfAttack& attack);
  /// Of one target.
  std::vector<double> of(size_t target) const;

 private:
  FileBytes bytes_;
  std::vector<size_t> begins_;  // of the targets, in numbers, and the end
};

/// One attack's scores of some records against every target of a fit.
struct ShardScores {
  std::string attack;
  std::vector<double> scores;          ///< [targets][records], NaN for those without
  std::vector<std::string> shortages;  ///< [targets]: why it could not score one of them; "" where it could
  std::vector<std::string> signals;    ///< of reference models, that it asked for
};
/// Of one shard, in RUN/scores/NUMBER-of-COUNT, one attack after the other.
class ScoreWriter {
 public:
  /// As FitWriter, of a fit of these models.
  ScoreWriter(const Run& run, const Models& models, const std::vector<std::string>& identities, const Fit& fit,
              Shard shard, const std::string& writer);
  /// Whether they are there already.
  bool is_done() const;
  void write(ShardScores scores);
  /// Throws Error(input) where RUN/fit has been replaced, or a model has other outputs than before.
  void publish(const std::string& kernel_target);

 private:
  const Run& run_;
  const Models& models_;
  const std::vector<std::string>& identities_;
  const Fit& fit_;
  Shard shard_;
  std::map<std::string, ShardScores> said_;  // by attack, without scores
  SealedFolder folder_;
};

/// What all shards of a complete set made of a fit.
class StoredScores {
 public:
  /// Nothing where there is no complete set; then `flaws` says what there is.
  static std::optional<StoredScores> find(const Run& run, Fit fit, std::string& flaws);

  const Fit& fit() const { return fit_; }
  /// Of all records, against some targets: `places` in the fit's. attack: of the fit. Throws Error(input) where a file
  /// is not what was written.
  ShardScores scores(std::string_view attack, std::span<const size_t> places) const;
  /// The instruction sets that the fit and its shards used.
  const std::set<std::string>& kernel_targets() const { return kernel_targets_; }

 private:
  /// Whether it is of the fit.
  bool add(const nlohmann::json& done, const Fit& fit, Shard shard);

  std::filesystem::path path_;  // of the run
  Fit fit_;
  std::map<std::string, ShardScores, std::less<>> said_;  // by attack, without scores
  std::set<std::string> kernel_targets_;
  size_t records_ = 0;
  size_t count_ = 0;  // of shards
};

}  // namespace miaudit
