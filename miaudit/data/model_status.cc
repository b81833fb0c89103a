#include "miaudit/data/model_status.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "miaudit/base/shell_word.h"
#include "miaudit/data/outputs.h"
#include "miaudit/data/run_files.h"
#include "miaudit/io/file.h"
#include "miaudit/io/formats.h"
#include "miaudit/io/json.h"
#include "miaudit/io/raw.h"

namespace miaudit {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// Why the files of a finished model are not what was written; "" where they are.
std::string damage(const fs::path& folder, const json& done, bool is_thorough) {
  if (!done.at("files").contains("outputs.npy")) return "its done.json does not list outputs.npy";
  for (const auto& [name, about] : done.at("files").items()) {
    const fs::path file = folder / name;
    std::error_code error;
    const uintmax_t size = fs::file_size(file, error);
    if (error) return fmt::format("{} is missing", name);
    if (size != about.at("bytes").get<uintmax_t>())
      return fmt::format("{} has {} bytes, not {}", name, size, about.at("bytes").get<uintmax_t>());
    if (!is_thorough) continue;
    const FileBytes content = FileBytes::open(file, Holding::passing);
    if (content_hash(content.bytes(), content.owner()) != about.at("hash").get<std::string>())
      return fmt::format("{} is not what was written: its checksum differs", name);
  }
  return "";
}

/// Of so few bytes that it takes no time, and enough to tell files of one size and time apart.
std::string hash_of_samples(const fs::path& path) {
  constexpr size_t kSample = 4096;
  const FileBytes content = FileBytes::open(path, Holding::passing);
  const std::span<const std::byte> bytes = content.bytes();
  std::vector<std::byte> samples;
  for (const size_t at : {size_t{0}, bytes.size() / 2, bytes.size() - std::min(kSample, bytes.size())}) {
    const auto sample = bytes.subspan(at, std::min(kSample, bytes.size() - at));
    samples.insert(samples.end(), sample.begin(), sample.end());
  }
  return content_hash(samples);
}

/// Of a model with a record under failed/; `otherwise` where that is of another plan.
ModelStatus failed_status(const Run& run, size_t m, const ModelStatus& otherwise) {
  try {
    const json file = read_json(run.failure(m));
    if (file.at("unit").get<std::string>() != run.units[m]) return otherwise;
    return {ModelState::failed, failure_text(run, m, file.at("why").get<std::string>()), false};
  } catch (const Error& unreadable) {
    if (unreadable.category() == Category::unsupported || unreadable.category() == Category::io) throw;
    return {ModelState::broken, unreadable.what(), false};
  } catch (const json::exception&) {
    return {ModelState::broken, "its record under failed/ is not one that miaudit wrote", false};
  }
}

}  // namespace

const char* state_name(ModelState state) {
  switch (state) {
    case ModelState::missing:
      return "missing";
    case ModelState::done:
      return "done";
    case ModelState::stale:
      return "stale";
    case ModelState::broken:
      return "broken";
    case ModelState::failed:
      return "failed";
  }
  return "";
}

std::string training_command(const Run& run, ModelState state) {
  return fmt::format("miaudit shadow train {}{}", shell_word(run.path.string()),
                     state == ModelState::failed ? " --retry-failed" : "");
}

std::string failure_text(const Run& run, size_t m, const std::string& why) {
  std::error_code ignored;
  const fs::path log = run.failure_log(m);
  return fs::exists(log, ignored) ? fmt::format("{}; the log is {}", why, log.string()) : why;
}

ModelStatus finished_status(const Run& run, size_t m, const fs::path& folder, bool is_thorough) {
  try {
    const json file = read_json(folder / "done.json");
    check_schema(folder / "done.json", file.value("schema_version", json(1u)));
    if (file.at("unit").get<std::string>() != run.units[m])
      return {ModelState::stale, "it was trained for another plan", false};
    std::string why = damage(folder, file, is_thorough);
    const ModelState state = why.empty() ? ModelState::done : ModelState::broken;
    return {state, std::move(why), false};
  } catch (const Error& unreadable) {
    if (unreadable.category() == Category::unsupported || unreadable.category() == Category::io) throw;
    return {ModelState::broken, unreadable.what(), false};
  } catch (const json::exception&) {
    return {ModelState::broken, "its done.json is not one that miaudit wrote", false};
  }
}

namespace {

/// What is amiss with a folder of signals, if there is one: it holds files alone.
std::string signals_flaw(const fs::path& folder) {
  std::error_code error;
  if (!is_there(folder)) return "";
  if (!fs::is_directory(folder, error)) return fmt::format("{} is no folder", folder.string());
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == ".npy" && !entry.is_regular_file(error))
      return fmt::format("{} is no file", entry.path().string());
  return "";
}

}  // namespace

ModelStatus model_status(const Run& run, size_t m, bool is_thorough) {
  ModelStatus status;
  if (is_there(run.outputs(m)) && !fs::is_regular_file(run.outputs(m)))  // a pipe would be waited for
    return {ModelState::broken, fmt::format("{} is no file", run.outputs(m).string()), false};
  if (const std::string flaw = signals_flaw(run.signals(m)); !flaw.empty()) return {ModelState::broken, flaw, false};
  if (run.units.empty()) {  // made by hand: outputs or signals are all there is
    if (is_there(run.outputs(m)) || is_there(run.signals(m))) status.state = ModelState::done;
  } else {
    if (is_there(run.model(m) / "done.json")) status = finished_status(run, m, run.model(m), is_thorough);
    // What an older plan left in the model's place, or what was damaged since, does not undo that this plan's was given
    // up.
    if (status.state != ModelState::done && is_there(run.failure(m))) status = failed_status(run, m, status);
  }
  status.has_checkpoint = is_there(run.checkpoint(m));
  return status;
}

std::string outputs_identity(const Run& run, size_t m) {
  const fs::path done = run.model(m) / "done.json";
  std::error_code ignored;
  if (!fs::is_regular_file(run.outputs(m), ignored) || (!run.units.empty() && !is_there(done))) return "";
  const std::string unit = run.units.empty() ? "" : content_hash(FileBytes::open(done).bytes()) + ", ";
  std::error_code error;
  const uintmax_t size = fs::file_size(run.outputs(m), error);
  const auto changed = fs::last_write_time(run.outputs(m), error).time_since_epoch().count();
  if (error) fail(Category::io, "cannot look at {}: {}", run.outputs(m).string(), error.message());
  return fmt::format("{}{} bytes of {}, {}", unit, size, changed, hash_of_samples(run.outputs(m)));
}

std::vector<std::string> outputs_identities(const Run& run) {
  std::vector<std::string> identities(run.models);
  for (size_t m = 0; m < run.models; ++m) identities[m] = outputs_identity(run, m);
  return identities;
}

std::string nonfinite_values(const Array& array, size_t records) {
  size_t bad = 0, first = 0;
  with_element_type(array.type(), [&]<class T>() {
    const std::span<const T> values = array.as<T>();
    for (size_t i = 0; i < values.size(); ++i) {
      bool is_bad = false;
      if constexpr (std::is_same_v<T, Half>)
        is_bad = !std::isfinite(to_double(values[i]));
      else if constexpr (std::is_floating_point_v<T>)
        is_bad = !(std::abs(static_cast<double>(values[i])) <= kLargestOutput);
      if (is_bad && bad++ == 0) first = i;
    }
  });
  if (bad == 0) return "";
  return fmt::format("{} NaN, infinite or too large, the first in record {}",
                     counted(bad, "value that is", "values that are"), first / (array.size() / records));
}

std::string outputs_complaint(const Array& outputs, size_t records, size_t queries, size_t classes, Columns columns) {
  if (!is_floating(outputs.type()))
    return fmt::format("its outputs are {}; expected float16, float32 or float64", element_name(outputs.type()));
  const std::vector<size_t>& shape = outputs.shape();
  const size_t asked = shape.size() == 3 ? shape[1] : 1;
  if (shape.size() < 2 || shape.size() > 3 || shape[0] != records || asked == 0 || (queries > 0 && asked != queries) ||
      shape.back() < classes || (columns == Columns::as_many && shape.back() > classes))
    return fmt::format("its outputs have shape {}; expected ({}, {}{}){}", shape_text(shape), records,
                       queries > 1 ? fmt::format("{}, ", queries) : "", classes,
                       shape.size() >= 2 && shape.back() > classes
                           ? ". Where models tell more classes apart than the labels show, plan with --classes"
                           : "");
  const std::string bad = nonfinite_values(outputs, records);
  return bad.empty() ? "" : "its outputs hold " + bad;
}

Array read_model_outputs(const Run& run, size_t m) {
  const ModelStatus status = model_status(run, m, true);
  if (status.state != ModelState::done)
    fail(Category::input, "{} is {}{}; `{}` makes it", run.model(m).string(), state_name(status.state),
         status.why.empty() ? "" : " (" + status.why + ")", training_command(run, status.state));
  Array outputs = read_npy(run.outputs(m));
  const std::vector<size_t>& shape = outputs.shape();
  if (!is_floating(outputs.type()) || shape.size() < 2 || shape.size() > 3 || shape[0] != run.records)
    fail(Category::input,
         "{} is {} of {}; expected ({}, classes) or ({}, queries, classes) of float16, float32 or float64",
         run.outputs(m).string(), shape_text(shape), element_name(outputs.type()), run.records, run.records);
  if (shape.size() == 3) return outputs;
  return outputs.reshaped({shape[0], 1, shape[1]});
}

}  // namespace miaudit
