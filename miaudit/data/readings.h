#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "miaudit/data/records.h"
#include "miaudit/data/run.h"

namespace miaudit {

/// What a model's outputs told whoever read them whole: who finds its files as they were need not read them again.
struct Reading {
  std::string folder;               ///< model_folder_identity() before and after.
  std::optional<OutputForm> asked;  ///< Of RecordOptions.
  OutputForm form = OutputForm::logits;
  FileRecord file;
  std::vector<Warning> warnings;
};
/// By model.
using Readings = std::map<size_t, Reading>;

/// Tells a model's files from others without reading them whole: outputs_identity(), and all names, sizes and times of
/// change. "" where there are no outputs.
std::string model_folder_identity(const Run& run, size_t m);

/// Reads model m whole, if it is finished and can be used: its checksum is compared, every value looked at.
std::optional<Reading> read_whole(const Run& run, size_t m, RecordOptions options, const Context& context);

/// Where `readings` hold one of model m: its outputs, mapped, without reading a value of them. Else nothing.
std::optional<LoadedOutputs> known_outputs(const Readings& readings, const Run& run, size_t m, Holding holding);

nlohmann::json to_json(const Readings& readings);
/// Leaves out what is no reading: it may be damaged, and is only ever a shorter way.
Readings readings_from(const nlohmann::json& file);

}  // namespace miaudit
