#include "miaudit/data/readings.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "miaudit/data/model_status.h"
#include "miaudit/io/scratch.h"

namespace miaudit {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::optional<OutputForm> form_from(const json& name) {
  for (const OutputForm form : {OutputForm::logits, OutputForm::probabilities, OutputForm::log_probabilities})
    if (name == form_name(form)) return form;
  return {};
}

Reading reading_from(const json& file) {
  Reading reading{
      file.at("folder").get<std::string>(), form_from(file.at("asked")), form_from(file.at("form")).value(), {}, {}};
  reading.file = {file.at("role").get<std::string>(), file.at("path").get<std::string>(),
                  file.at("type").get<std::string>(), file.at("shape").get<std::vector<size_t>>(),
                  file.at("hash").get<std::string>()};
  for (const json& warning : file.at("warnings"))
    reading.warnings.push_back(
        {warning.at(0).get<std::string>(), warning.at(1).get<std::string>(), warning.at(2).get<std::string>()});
  return reading;
}

}  // namespace

std::string model_folder_identity(const Run& run, size_t m) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator entry(run.model(m), error), end; !error && entry != end; entry.increment(error)) {
    std::error_code gone;
    if (!entry->is_regular_file(gone)) continue;
    const uintmax_t size = entry->file_size(gone);
    const auto changed = entry->last_write_time(gone).time_since_epoch().count();
    if (!gone) files.push_back(fmt::format("{} {} {}", entry->path().filename().string(), size, changed));
  }
  const std::string outputs = error ? "" : outputs_identity(run, m);
  if (outputs.empty()) return "";
  std::ranges::sort(files);
  return fmt::format("{}\n{}", outputs, fmt::join(files, "\n"));
}

std::optional<Reading> read_whole(const Run& run, size_t m, RecordOptions options, const Context& context) {
  options.on_nonfinite = OnNonfinite::never_drop;
  options.holding = Holding::passing;
  try {
    Reading reading{model_folder_identity(run, m), options.form, {}, {}, {}};
    if (reading.folder.empty() || model_status(run, m, true).state != ModelState::done) return {};
    LoadedOutputs loaded = read_outputs({run.outputs(m).string()}, options, context);
    for (const OutputsPart& part : loaded.outputs.parts) release_pages(part.values);
    if (model_folder_identity(run, m) != reading.folder) return {};
    reading.form = loaded.outputs.form;
    reading.file = std::move(loaded.files.front());
    reading.warnings = std::move(loaded.warnings);
    return reading;
  } catch (const Error& unusable) {
    if (unusable.category() != Category::input && unusable.category() != Category::unsupported) throw;
    return {};  // whoever wants to use it reads it again, and says what is wrong
  }
}

std::optional<LoadedOutputs> known_outputs(const Readings& readings, const Run& run, size_t m, Holding holding) {
  const auto found = readings.find(m);
  if (found == readings.end()) return {};
  const Reading& reading = found->second;
  const std::string path = run.outputs(m).string();
  if (!reading.warnings.empty() && reading.file.path != path) return {};  // they name the path
  LoadedOutputs loaded = unread_outputs(path, reading.form, holding);
  loaded.files.push_back(reading.file);
  loaded.files.back().path = path;
  loaded.warnings = reading.warnings;
  return loaded;
}

json to_json(const Readings& readings) {
  json all = json::array();
  for (const auto& [model, reading] : readings) {
    json warnings = json::array();
    for (const Warning& warning : reading.warnings) warnings.push_back({warning.code, warning.message, warning.advice});
    all.push_back({{"model", model},
                   {"folder", reading.folder},
                   {"asked", reading.asked ? json(form_name(*reading.asked)) : json()},
                   {"form", form_name(reading.form)},
                   {"role", reading.file.role},
                   {"path", reading.file.path},
                   {"type", reading.file.element_type},
                   {"shape", reading.file.shape},
                   {"hash", reading.file.hash},
                   {"warnings", std::move(warnings)}});
  }
  return all;
}

Readings readings_from(const json& file) {
  Readings readings;
  if (!file.is_array()) return readings;
  for (const json& one : file) {
    try {
      readings.emplace(one.at("model").get<size_t>(), reading_from(one));
    } catch (const json::exception&) {
      continue;
    } catch (const std::bad_optional_access&) {
      continue;
    }
  }
  return readings;
}

}  // namespace miaudit
