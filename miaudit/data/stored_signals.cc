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

constexpr int kSchemaVersion = 2;

fs::path folder_of(const Run& run) {
  return run.path / "signals";
}
fs::path shard_path(const Run& run, Shard shard) {
  return folder_of(run) / fmt::format("{}-of-{}", shard.number, shard.count);
}

json identity_of(const Run& run, const Models& models, const std::vector<std::string>& identities, Shard shard) {
  json identity = signals_identity(run, models, identities);
  identity["shard"] = {shard.number, shard.count};
  identity["records"] = {shard.range(run.records).begin, shard.range(run.records).end};
  return identity;
}

/// Where a shard has each of the models; it may hold others too, which some of its records do not show to be unusable.
struct Found {
  std::string flaw = {};  ///< Why the shard does not count; "" where it does.
  std::vector<size_t> places = {};
  size_t models = 0;  ///< that the shard holds
};

/// Why a shard that holds these models has not this one as it is.
std::string flaw_of(size_t number, const json& held) {
  if (std::ranges::any_of(held, [&](const json& one) { return one.is_array() && !one.empty() && one[0] == number; }))
    return fmt::format("is of other outputs of model {}, or of a copy with other times", number);
  return fmt::format(
      "lacks model {}, which was not there, or is of another form by the shard's records alone; say with --input what "
      "outputs are, to every shard and to the merge",
      number);
}

Found find_models(const Run& run, const Models& models, const std::vector<std::string>& identities, Shard shard) {
  const json done = read_sealed(shard_path(run, shard));
  if (!done.is_object() || !done.contains("files") || !done["files"].is_object()) return {"is missing or damaged"};
  const json identity = identity_of(run, models, identities, shard);
  for (const auto& [key, value] : identity.items())
    if (key != "forms" && key != "models" && (!done.contains(key) || done[key] != value))
      return {fmt::format("is of other {}", key)};
  const json held = done.value("models", json::array()), forms = done.value("forms", json::array());
  if (!held.is_array() || !forms.is_array() || held.size() != forms.size()) return {"is of other models"};
  Found found{"", {}, held.size()};
  for (size_t m = 0; m < models.models.size(); ++m) {
    const auto place = static_cast<size_t>(std::find(held.begin(), held.end(), identity["models"][m]) - held.begin());
    if (place == held.size()) return {flaw_of(models.models[m].number, held)};
    if (forms[place] != identity["forms"][m])
      return {fmt::format(
          "took the outputs of model {} for {}, by its own records alone, and the merge takes them for {}; say with "
          "--input what they are, to every shard and to the merge",
          models.models[m].number, forms[place].dump(), identity["forms"][m].dump())};
    found.places.push_back(place);
  }
  return found;
}

}  // namespace

std::vector<size_t> shard_counts(const fs::path& folder, size_t records) {
  std::vector<size_t> counts;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    const size_t at = name.find("-of-");
    size_t count = 0;
    if (name.starts_with('.') || at == std::string::npos) continue;
    const char* const end = name.data() + name.size();
    if (std::from_chars(name.data() + at + 4, end, count).ptr != end || count == 0 || count > records) continue;
    counts.push_back(count);
  }
  std::ranges::sort(counts);
  counts.erase(std::ranges::unique(counts).begin(), counts.end());
  return counts;
}

json signals_identity(const Run& run, const Models& models, const std::vector<std::string>& identities) {
  json of_models = json::array(), forms = json::array();
  for (const AuditedModel& model : models.models) {
    of_models.push_back({model.number, identities[model.number]});
    forms.push_back(form_name(model.outputs.form));
  }
  return {{"schema_version", kSchemaVersion},
          {"miaudit", version()},
          {"queries", models.models.front().outputs.queries},
          {"forms", forms},
          {"labels", content_hash(std::as_bytes(std::span(run.labels)))},
          {"models", of_models}};
}

void check_unchanged(const Run& run, const Models& models, const std::vector<std::string>& identities,
                     std::string_view what) {
  const std::vector<std::string> now = outputs_identities(run);
  for (const AuditedModel& model : models.models)
    if (now[model.number] != identities[model.number])
      fail(Category::input,
           "model {} got other outputs while {} was computed, which was thrown away; run every --shard again once the "
           "models stay as they are",
           model.number, what);
}

/// Of the complete set with the fewest shards, what each has; nothing where there is none, and why.
static std::vector<Found> find_set(const Run& run, const Models& models, const std::vector<std::string>& identities,
                                   std::string& flaws) {
  for (const size_t count : shard_counts(folder_of(run), run.records)) {
    std::string missing;
    std::vector<Found> found;
    for (size_t number = 1; number <= count; ++number) {
      found.push_back(find_models(run, models, identities, {number, count}));
      if (!found.back().flaw.empty()) missing += fmt::format("\n  {}/{} {}", number, count, found.back().flaw);
    }
    if (missing.empty()) return found;
    flaws += missing;
  }
  return {};
}

SignalWriter::SignalWriter(const Run& run, const Models& models, Shard shard,
                           const std::vector<std::string>& identities, const std::string& writer)
    : run_(run),
      models_(models),
      shard_(shard),
      identities_(identities),
      folder_(run, fmt::format("shard-{}-of-{}", shard.number, shard.count), writer) {}

bool SignalWriter::is_done() const {
  if (!find_models(run_, models_, identities_, shard_).flaw.empty()) return false;
  const fs::path folder = shard_path(run_, shard_);
  return is_whole(folder, read_sealed(folder));
}

void SignalWriter::write(std::string_view signal, std::vector<double> values) {
  const size_t queries = models_.models.front().outputs.queries;
  const RecordRange range = shard_.range(run_.records);
  const size_t records = range.end - range.begin;
  folder_.write(signal, Array::from(std::move(values), {models_.models.size(), records, queries}));
}

void SignalWriter::publish(const Readings& readings, const std::string& kernel_target) {
  check_unchanged(run_, models_, identities_, fmt::format("shard {}/{}", shard_.number, shard_.count));
  json done = identity_of(run_, models_, identities_, shard_);
  done["readings"] = to_json(readings);
  done["kernel_target"] = kernel_target;
  folder_.publish(std::move(done), shard_path(run_, shard_), [&] { return is_done(); });
}

Readings stored_readings(const Run& run, const RecordOptions& options) {
  Readings readings;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_of(run), error)) {
    json done = read_sealed(entry.path());
    if (!done.is_object() || done["miaudit"] != version() || done["schema_version"] != kSchemaVersion) continue;
    for (auto& [m, reading] : readings_from(done.value("readings", json())))
      if (m < run.models && reading.asked == options.form && reading.folder == model_folder_identity(run, m))
        readings.emplace(m, std::move(reading));
  }
  return readings;
}

StoredSignals::StoredSignals(const Run& run, const Models& models, const RecordRange& range)
    : queries_(models.models.front().outputs.queries) {
  std::string flaws;
  const std::vector<Found> found = find_set(run, models, outputs_identities(run), flaws);
  if (found.empty())
    fail(Category::input, "{}: no complete set of shards to merge; `miaudit audit {} --shard I/N` makes each{}",
         run.path.string(), shell_word(run.path.string()), flaws.empty() ? std::string() : ":" + flaws);
  json all_files = json::array();
  for (size_t number = 1; number <= found.size(); ++number) {
    const Shard shard{number, found.size()};
    const Found& own = found[number - 1];
    const json done = read_sealed(shard_path(run, shard));
    all_files.push_back(done["files"]);
    kernel_targets_.insert(done.value("kernel_target", ""));
    Part part{0, own.places, shard.range(run.records), {}};
    if (part.range.end <= range.begin || part.range.begin >= range.end) continue;
    std::vector<std::string> names;
    for (const auto& [file, hash] : done["files"].items()) {
      const fs::path path = shard_path(run, shard) / file;
      const std::string name = path.stem().string();
      const std::vector<size_t> shape = {own.models, part.range.end - part.range.begin, queries_};
      Array values = read_sealed_array(shard_path(run, shard), done, name);
      if (values.type() != ElementType::float64 || values.shape() != shape)
        fail(Category::input, "{} is not what was written, or gone; `miaudit audit {} --shard {}/{}` makes it again",
             path.string(), shell_word(run.path.string()), number, shard.count);
      release_pages(values);
      names.push_back(name);
      part.values.push_back(std::move(values));
    }
    if (!parts_.empty() && names != signals_)
      fail(Category::input, "shard {}/{} holds other signals than 1/{}; make both with one version of miaudit", number,
           shard.count, shard.count);
    signals_ = std::move(names);
    parts_.push_back(std::move(part));
  }
  id_ = checksum_of(all_files);
}

size_t StoredSignals::complete_count(const Run& run, const Models& models, const std::vector<std::string>& identities) {
  std::string flaws;
  return find_set(run, models, identities, flaws).size();
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

void StoredSignals::check_unchanged() const {
  for (const Part& part : parts_)
    for (const Array& values : part.values) miaudit::check_unchanged(values.owner());
}

bool StoredSignals::holds(std::string_view signal) const {
  return std::ranges::find(signals_, signal) != signals_.end();
}

void StoredSignals::read(std::string_view signal, size_t model, const RecordRange& range, std::span<double> out) const {
  const size_t place = static_cast<size_t>(std::ranges::find(signals_, signal) - signals_.begin());
  for (const Part& part : parts_) {
    const size_t first = std::max(part.range.begin, range.begin), end = std::min(part.range.end, range.end);
    if (model < part.first_model || model - part.first_model >= part.places.size() || first >= end) continue;
    const size_t row = part.places[model - part.first_model];
    const size_t width = (part.range.end - part.range.begin) * queries_;
    const Array& values = part.values[place];
    with_element_type(values.type(), [&]<class T>() {
      const auto own =
          values.as<T>().subspan(row * width + (first - part.range.begin) * queries_, (end - first) * queries_);
      std::ranges::transform(own, out.begin() + static_cast<ptrdiff_t>((first - range.begin) * queries_), [](T value) {
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
