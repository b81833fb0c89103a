#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "miaudit/data/run.h"

namespace miaudit {

/// How far a model is.
enum class ModelState {
  missing,
  done,
  stale,   ///< trained for another plan: counts as missing
  broken,  ///< its files are not what was written
  failed,  ///< given up after the last retry, whatever a plan before left in its place
};
const char* state_name(ModelState state);
/// The command that makes a model of such a state.
std::string training_command(const Run& run, ModelState state);
/// Why a model was given up, with the place of its log.
std::string failure_text(const Run& run, size_t m, const std::string& why);

struct ModelStatus {
  ModelState state = ModelState::missing;
  std::string why;  ///< for stale, broken and failed
  bool has_checkpoint = false;
};
/// `is_thorough` reads every byte and compares checksums; else sizes only. Throws Error(unsupported) for a done.json
/// that a newer program wrote, Error(io) where a file may not be read: these may be right.
ModelStatus model_status(const Run& run, size_t m, bool is_thorough);
/// Of a planned run's model that lies in another folder, from its done.json: done, stale or broken. Throws as
/// model_status() does.
ModelStatus finished_status(const Run& run, size_t m, const std::filesystem::path& folder, bool is_thorough);

/// Tells a finished model's outputs from others without reading them whole: their size, time, a hash of their first,
/// middle and last bytes, and of what was recorded when they were made. "" where it is not finished.
std::string outputs_identity(const Run& run, size_t m);
/// The same of every model of the run.
std::vector<std::string> outputs_identities(const Run& run);

/// "2 values that are NaN, infinite or too large, the first in record 7"; "" where there are none. Takes an array of
/// `records` rows.
std::string nonfinite_values(const Array& array, size_t records);
/// How many columns the outputs of models have that tell so many classes apart. The labels of a run made by hand need
/// not show all that its models know.
enum class Columns { as_many, as_many_or_more };
/// Why an array cannot be a model's outputs for so many records and classes; "" where it can. `queries` 0: any number.
/// Reads every value.
std::string outputs_complaint(const Array& outputs, size_t records, size_t queries, size_t classes, Columns columns);

/// A model's outputs [records][queries][classes], mapped, after comparing the checksum. Throws Error(input) for a model
/// that is not done.
Array read_model_outputs(const Run& run, size_t m);

}  // namespace miaudit
