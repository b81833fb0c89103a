#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "miaudit/data/run.h"
#include "miaudit/train/trainer.h"

namespace miaudit {

/// Which model learns what.
enum class Design {
  pairs,      ///< model 2p a random half of the audited records, 2p+1 the other half
  bernoulli,  ///< each record with the same chance, independently
  disjoint,   ///< the audited records dealt out, each to one model
};

/// What a run's models are to be. Membership is a pure function of (seed, model, record), so more models later leave
/// the first ones as they were (disjoint excepted, which deals all over again).
struct ShadowPlan {
  size_t models = 16;
  Design design = Design::pairs;
  double member_share = 0.5;    ///< bernoulli
  double population_share = 0;  ///< of all records, kept out of every model as known non-members
  double test_share = 0;        ///< of all records, kept out for the models' accuracy
  uint64_t seed = 0;
  size_t queries = 1;
  ElementType output_type = ElementType::float32;  ///< or float16
  Recipe recipe;
  std::string command;              ///< of one's own training; "" for the engine
  std::string target_membership;    ///< a file: model 0 learns these records and has no partner; "" for none
  std::string target_outputs;       ///< a file: model 0's outputs, trained elsewhere; "" for none
  std::string target_outputs_hash;  ///< of their values; write_plan() fills it in
  DatasetPaths data;                ///< absolute
  DatasetOptions reading;
};

/// What writing a plan over an earlier one does to its models.
struct PlanChange {
  bool is_new = true;
  size_t kept = 0;       ///< finished models that are this plan's too
  size_t stale = 0;      ///< finished models that are to be others now
  size_t left_out = 0;   ///< finished models that this plan has no place for; their files stay
  size_t overtaken = 0;  ///< models that some process is training by the earlier plan, in vain
  std::vector<Warning> warnings;
};

/// Makes or changes the run folder; one that was cut short is mended by the next. `host`: a name that no other machine
/// on this folder has. Throws Error(config) for what cannot be trained, Error(input) where the folder is somebody
/// else's or the target's outputs are not such.
PlanChange write_plan(const std::filesystem::path& path, const ShadowPlan& plan, const Dataset& dataset,
                      const std::string& host);
/// As run.json keeps it.
nlohmann::json to_json(const ShadowPlan& plan);
ShadowPlan read_plan(const std::filesystem::path& path);

/// What tells a plan's data from any other: their identity(), and where a command reads the files by itself the bytes
/// of these, for it may see in them what the records do not hold (columns that are ignored, digits past float32).
nlohmann::json identity_of(const ShadowPlan& plan, const Dataset& dataset);
/// The same of the data that a run was planned with.
nlohmann::json planned_identity(const std::filesystem::path& path);
/// About the bytes that `jobs` models at once take beside the program itself: one copy of the records, what a network
/// works on, and XGBoost's own copies of members (measured: 4.5 times their size). data: the plan's identity.
uint64_t training_memory(const Run& run, const ShadowPlan& plan, const nlohmann::json& data, size_t jobs);
/// The first of a plan's files of this kind that is not there; "" where all are.
std::string missing_data(const ShadowPlan& plan);
std::string missing_target_outputs(const ShadowPlan& plan);
/// The data set of a run, after making sure that it is the one that was planned with. Throws Error(input) where a file
/// has changed since, or is not there.
Dataset read_planned_data(const std::filesystem::path& path, const ShadowPlan& plan, const Context& context,
                          Holding holding = Holding::mapped);
/// The outputs that were given with the plan, after making sure of the same.
Array read_target_outputs(const ShadowPlan& plan);

TrainingJob job_of(const Run& run, const ShadowPlan& plan, size_t model);
/// The seed that a command's training of a model gets; below 2^31.
uint64_t command_seed(const ShadowPlan& plan, size_t model);
/// What may stand in braces in a command.
const std::vector<std::string>& place_names();
/// {words} of a command that look like placeholders and are none, without what a shell expands.
std::vector<std::string> unknown_places(const std::string& command);
/// The command with its placeholders replaced, quoted for a shell.
struct CommandPlaces {
  std::string keep, outputs, work;
  uint64_t seed = 0;
  size_t index = 0;
};
std::string filled_command(const std::string& command, const CommandPlaces& places);

}  // namespace miaudit
