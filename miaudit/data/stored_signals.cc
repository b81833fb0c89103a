#include "miaudit/data/stored_signals.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

#include "miaudit/base/shell_word.h"
#include "miaudit/base/version.h"
#include "miaudit/data/model_status.h"
#include "miaudit/data/records.h"
#include "miaudit/io/file.h"
#include "miaudit/io/formats.h"
#include "miaudit/io/json.h"
#include "miaudit/io/scratch.h"

namespace miaudit {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kSchemaVersion = 1;

fs::path folder_of(const Run& run) {
  return run.path / "signals";
}
fs::path shard_path(const Run& run, Shard shard) {
  return folder_of(run) / fmt::format("{}-of-{}", shard.number, shard.count);
}

/// What the signals are made from: any other models, form or labels give others.
json identity_of(const Run& run, const Models& models, const std::vector<std::string>& identities, Shard shard) {
  json of_models = json::array(), forms = json::array();
  for (const AuditedModel& model : models.models) {
    of_models.push_back({model.number, identities[model.number]});
    forms.push_back(form_name(model.outputs.form));
  }
  return {{"schema_version", kSchemaVersion},
          {"miaudit", version()},
          {"shard", {shard.number, shard.count}},
          {"records", {shard.range(run.records).begin, shard.range(run.records).end}},
          {"queries", models.models.front().outputs.queries},
          {"forms", forms},
          {"labels", content_hash(std::as_bytes(std::span(run.labels)))},
          {"models", of_models}};
}

std::string checksum_of(const json& done) {
  const std::string text = json_text(done, 1);
  return content_hash(std::as_bytes(std::span(text)));
}

/// done.json, or null where there is none that is as it was written.
json read_done(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_regular_file(folder / "done.json", error)) return nullptr;
  try {
    json done = read_json(folder / "done.json");
    if (!done.is_object() || !done.contains("checksum")) return nullptr;
    const json checksum = done["checksum"];
    done.erase("checksum");
    return checksum == checksum_of(done) ? done : json();
  } catch (const Error&) {
    return nullptr;
  }
}

bool is_whole(const fs::path& path, const json& hash) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return false;
  try {
    const FileBytes content = FileBytes::open(path, Holding::passing);
    return content_hash(content.bytes(), content.owner()) == hash;
  } catch (const Error&) {
    return false;
  }
}

/// Where a shard has each of the models; it may hold others too, which some of its records do not show to be unusable.
struct Found {
  std::string flaw = {};  ///< Why the shard does not count; "" where it does.
  std::vector<size_t> places = {};
  size_t models = 0;  ///< that the shard holds
};

Found find_models(const Run& run, const Models& models, const std::vector<std::string>& identities, Shard shard) {
  const json done = read_done(shard_path(run, shard));
  if (!done.is_object() || !done.contains("signals") || !done["signals"].is_object()) return {"is missing or damaged"};
  const json identity = identity_of(run, models, identities, shard);
  for (const auto& [key, value] : identity.items())
    if (key != "forms" && key != "models" && (!done.contains(key) || done[key] != value))
      return {fmt::format("is of other {}", key)};
  const json held = done.value("models", json::array()), forms = done.value("forms", json::array());
  if (!held.is_array() || !forms.is_array() || held.size() != forms.size()) return {"is of other models"};
  Found found{"", {}, held.size()};
  for (size_t m = 0; m < models.models.size(); ++m) {
    const auto place = static_cast<size_t>(std::find(held.begin(), held.end(), identity["models"][m]) - held.begin());
    if (place == held.size())
      return {fmt::format("is of other outputs of model {}, or lacks it", models.models[m].number)};
    if (forms[place] != identity["forms"][m])
      return {fmt::format(
          "took the outputs of model {} for {}, by its own records alone, and the merge takes them for {}; say with "
          "--input what they are, to every shard and to the merge",
          models.models[m].number, forms[place].dump(), identity["forms"][m].dump())};
    found.places.push_back(place);
  }
  return found;
}

/// How many shards each set that is begun has in all.
std::vector<size_t> counts_of(const Run& run) {
  std::vector<size_t> counts;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_of(run), error)) {
    const std::string name = entry.path().filename().string();
    const size_t at = name.find("-of-");
    size_t count = 0;
    if (name.starts_with('.') || at == std::string::npos) continue;
    const char* const end = name.data() + name.size();
    if (std::from_chars(name.data() + at + 4, end, count).ptr != end || count == 0 || count > run.records) continue;
    counts.push_back(count);
  }
  std::ranges::sort(counts);
  counts.erase(std::ranges::unique(counts).begin(), counts.end());
  return counts;
}

}  // namespace

SignalWriter::SignalWriter(const Run& run, const Models& models, Shard shard,
                           const std::vector<std::string>& identities, const std::string& writer)
    : run_(run),
      models_(models),
      shard_(shard),
      identities_(identities),
      attempt_(run.path / "attempts" / fmt::format("shard-{}-of-{}.{}.0", shard.number, shard.count, writer)) {}

SignalWriter::~SignalWriter() {
  std::error_code error;
  if (!attempt_.empty()) fs::remove_all(attempt_, error);
}

bool SignalWriter::is_done() const {
  if (!find_models(run_, models_, identities_, shard_).flaw.empty()) return false;
  const fs::path folder = shard_path(run_, shard_);
  const json signals = read_done(folder)["signals"];
  return std::ranges::all_of(
      signals.items(), [&](const auto& signal) { return is_whole(folder / (signal.key() + ".npy"), signal.value()); });
}

void SignalWriter::write(std::string_view signal, std::vector<double> values) {
  for (const fs::path& folder : {folder_of(run_), attempt_.parent_path(), attempt_}) make_directory(folder);
  const size_t queries = models_.models.front().outputs.queries;
  const RecordRange range = shard_.range(run_.records);
  const size_t records = range.end - range.begin;
  write_npy(attempt_ / fmt::format("{}.npy", signal),
            Array::from(std::move(values), {models_.models.size(), records, queries}));
  signals_.emplace_back(signal);
}

void SignalWriter::publish(const Readings& readings, const std::string& kernel_target) {
  const std::vector<std::string> now = outputs_identities(run_);
  for (const AuditedModel& model : models_.models)
    if (now[model.number] != identities_[model.number])
      fail(Category::input,
           "model {} got other outputs while shard {}/{} was computed, which was thrown away; compute it again once "
           "the models stay as they are",
           model.number, shard_.number, shard_.count);
  json done = identity_of(run_, models_, identities_, shard_);
  done["readings"] = to_json(readings);
  done["kernel_target"] = kernel_target;
  done["signals"] = json::object();
  for (const std::string& signal : signals_)
    done["signals"][signal] = content_hash(FileBytes::open(attempt_ / (signal + ".npy")).bytes());
  done["checksum"] = checksum_of(done);
  write_file(attempt_ / "done.json", json_text(done, 1));
  const fs::path path = shard_path(run_, shard_);
  if (rename_directory(attempt_, path)) {
    attempt_.clear();
    return;
  }
  if (is_done()) return;  // somebody else's of the same models
  std::error_code error;
  fs::remove_all(path, error);
  if (error) fail(Category::io, "cannot remove {}, which is of other models: {}", path.string(), error.message());
  if (rename_directory(attempt_, path)) attempt_.clear();
}

Readings stored_readings(const Run& run, const RecordOptions& options) {
  Readings readings;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_of(run), error)) {
    json done = read_done(entry.path());
    if (!done.is_object() || done["miaudit"] != version() || done["schema_version"] != kSchemaVersion) continue;
    for (auto& [m, reading] : readings_from(done.value("readings", json())))
      if (m < run.models && reading.asked == options.form && reading.folder == model_folder_identity(run, m))
        readings.emplace(m, std::move(reading));
  }
  return readings;
}

StoredSignals::StoredSignals(const Run& run, const Models& models) : queries_(models.models.front().outputs.queries) {
  const std::vector<std::string> identities = outputs_identities(run);
  std::string flaws;
  for (const size_t count : counts_of(run)) {
    std::string missing;
    std::vector<Found> found;
    for (size_t number = 1; number <= count; ++number) {
      found.push_back(find_models(run, models, identities, {number, count}));
      if (!found.back().flaw.empty()) missing += fmt::format("\n  {}/{} {}", number, count, found.back().flaw);
    }
    flaws += missing;
    if (!missing.empty()) continue;
    for (size_t number = 1; number <= count; ++number) {
      const Shard shard{number, count};
      const Found& own = found[number - 1];
      Part part{0, own.places, shard.range(run.records), {}};
      const json done = read_done(shard_path(run, shard));
      const json signals = done.value("signals", json::object());
      kernel_targets_.insert(done.value("kernel_target", ""));
      std::vector<std::string> names;
      for (const auto& [name, hash] : signals.items()) {
        const fs::path path = shard_path(run, shard) / (name + ".npy");
        const std::vector<size_t> shape = {own.models, part.range.end - part.range.begin, queries_};
        Array values = is_whole(path, hash) ? read_npy(path.string()) : Array();
        if (values.type() != ElementType::float64 || values.shape() != shape)
          fail(Category::input, "{} is not what was written, or gone; `miaudit audit {} --shard {}/{}` makes it again",
               path.string(), shell_word(run.path.string()), number, count);
        release_pages(values);
        names.push_back(name);
        part.values.push_back(std::move(values));
      }
      if (!parts_.empty() && names != signals_)
        fail(Category::input, "shard {}/{} holds other signals than 1/{}; make both with one version of miaudit",
             number, count, count);
      signals_ = std::move(names);
      parts_.push_back(std::move(part));
    }
    return;
  }
  fail(Category::input, "{}: no complete set of shards to merge; `miaudit audit {} --shard I/N` makes each{}",
       run.path.string(), shell_word(run.path.string()), flaws.empty() ? std::string() : ":" + flaws);
}

void StoredSignals::add(const Run& run, size_t m, std::vector<FileRecord>& files) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(run.signals(m), error))
    if (entry.path().extension() == ".npy") paths.push_back(entry.path());
  if (error) fail(Category::io, "cannot look into {}: {}", run.signals(m).string(), error.message());
  std::ranges::sort(paths);
  std::vector<std::string> names;
  Part part{parts_.size(), {0}, {0, run.records}, {}};
  for (const fs::path& path : paths) {
    Array values = read_npy(path);
    const std::vector<size_t>& shape = values.shape();
    const size_t queries = shape.size() == 2 ? shape[1] : 1;
    if (!is_floating(values.type()) || shape.empty() || shape.size() > 2 || shape[0] != run.records || queries == 0 ||
        (queries_ != 0 && queries != queries_))
      fail(Category::input, "{} is {} of {}; expected ({}{}) of float16, float32 or float64, as all signals of the run",
           path.string(), shape_text(shape), element_name(values.type()), run.records,
           queries_ == 0   ? ",) or (records, queries"
           : queries_ == 1 ? ","
                           : fmt::format(", {}", queries_));
    if (const std::string bad = nonfinite_values(values, run.records); !bad.empty())
      fail(Category::input, "{} holds {}; every record needs a value", path.string(), bad);
    queries_ = queries;
    names.push_back(path.stem().string());
    files.push_back(describe_file("signal", path.string(), values));
    release_pages(values);
    part.values.push_back(std::move(values));
  }
  if (names.empty())
    fail(Category::input, "{} holds no .npy; expected one a signal, such as loss.npy", run.signals(m).string());
  if (!parts_.empty() && names != signals_)
    fail(Category::input, "{} brings {}, but models before it {}; every model must bring the same signals",
         run.signals(m).string(), fmt::join(names, ", "), fmt::join(signals_, ", "));
  signals_ = std::move(names);
  parts_.push_back(std::move(part));
}

bool StoredSignals::holds(std::string_view signal) const {
  return std::ranges::find(signals_, signal) != signals_.end();
}

void StoredSignals::read(std::string_view signal, size_t model, std::span<double> out) const {
  const size_t place = static_cast<size_t>(std::ranges::find(signals_, signal) - signals_.begin());
  for (const Part& part : parts_) {
    if (model < part.first_model || model - part.first_model >= part.places.size()) continue;
    const size_t row = part.places[model - part.first_model];
    const size_t width = (part.range.end - part.range.begin) * queries_;
    const Array& values = part.values[place];
    with_element_type(values.type(), [&]<class T>() {
      const auto own = values.as<T>().subspan(row * width, width);
      std::ranges::transform(own, out.begin() + static_cast<ptrdiff_t>(part.range.begin * queries_), [](T value) {
        if constexpr (std::is_same_v<T, Half>) {
          return to_double(value);
        } else {
          return static_cast<double>(value);
        }
      });
    });
    release_pages(values);
  }
}

}  // namespace miaudit
