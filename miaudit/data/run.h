#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "miaudit/base/matrix.h"
#include "miaudit/io/array.h"

namespace miaudit {

/// What a record is for.
enum class Role : uint8_t {
  audited = 0,     ///< in the training set of some models
  population = 1,  ///< in none; known non-members that attacks may learn from
  test = 2,        ///< in none; kept for the models' accuracy
};

/// A run folder: models trained on known splits of one data set, by miaudit or anything else. docs/formats.md says what
/// lies where.
struct Run {
  static constexpr int kSchemaVersion = 1;
  static constexpr size_t kMostModels = 100000;
  static constexpr int64_t kNoPartner = -1;

  std::filesystem::path path;
  size_t models = 0;
  size_t records = 0;
  Array membership;                ///< [models][records] of bool, or int8 with −1 for unknown
  std::vector<int32_t> labels;     ///< [records]
  std::vector<Role> roles;         ///< [records]
  std::vector<int64_t> partners;   ///< of each model the one that learnt what it left out, or kNoPartner
  std::vector<std::string> units;  ///< of each model what identifies its training; empty in a run made by hand
  std::vector<bool> is_brought;    ///< whether its outputs were given with the plan
  std::map<std::string, std::string> checksums;  ///< of the arrays beside run.json; empty in a run made by hand

  std::filesystem::path model(size_t m) const;
  std::filesystem::path outputs(size_t m) const { return model(m) / "outputs.npy"; }
  /// Of a model made by hand that comes without outputs: one .npy a signal.
  std::filesystem::path signals(size_t m) const { return model(m) / "signals"; }
  std::filesystem::path checkpoint(size_t m) const;
  std::filesystem::path failure(size_t m) const;
  std::filesystem::path failure_log(size_t m) const;  ///< what its command printed; not every failure has one
  std::vector<uint32_t> members(size_t m) const;
};

/// The arrays beside run.json that say what models learnt.
inline constexpr const char* kRunArrays[] = {"membership.npy", "labels.npy", "roles.npy"};
/// The folders that a plan makes; nobody else makes them all.
inline constexpr const char* kRunFolders[] = {"models", "attempts", "checkpoints", "failed"};
/// What mends them, and run.json: a plan writes them anew, and takes no model away.
inline constexpr const char* kPlanAgain =
    "Plan again with the options that it was planned with: finished models that are still right stay";
/// Whether a plan made this folder, whatever has become of its files.
bool was_planned(const std::filesystem::path& path);

/// Reads run.json, membership.npy, labels.npy and, where it is there, roles.npy, and checks them against each other and
/// against the checksums in run.json: a plan that was cut short leaves splits that the models were not trained on.
/// Throws Error(input) naming file, finding and expectation, Error(unsupported) for a schema that is newer than this
/// program.
Run read_run(const std::filesystem::path& path);
/// What run.json alone says: records, membership, labels and roles are empty. Throws as read_run() does.
Run read_run_file(const std::filesystem::path& path);

}  // namespace miaudit
