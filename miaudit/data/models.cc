#include "miaudit/data/models.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "miaudit/data/families.h"
#include "miaudit/data/model_checks.h"
#include "miaudit/data/model_status.h"
#include "miaudit/data/stored_signals.h"
#include "miaudit/io/formats.h"
#include "miaudit/io/scratch.h"

namespace miaudit {
void check_alike(const Outputs& outputs, const std::string& path, const Outputs& first, const std::string& first_path) {
  if (outputs.samples != first.samples || outputs.queries != first.queries || outputs.columns != first.columns)
    fail(Category::input,
         "{} holds outputs of shape ({}, {}, {}), but {} ({}, {}, {}); every model must be asked for the same records, "
         "queries and classes",
         path, outputs.samples, outputs.queries, outputs.columns, first_path, first.samples, first.queries,
         first.columns);
  if (outputs.columns == 1 && outputs.form != first.form)
    fail(Category::input, "{} looks like {}, but {} like {}; say what all of them are with --input", path,
         form_name(outputs.form), first_path, form_name(first.form));
}

void warn_of_forms(Models& models, const std::function<std::string(size_t place)>& name) {
  std::vector<std::string> probabilities, others;
  for (size_t m = 0; m < models.models.size(); ++m)
    (models.models[m].outputs.form == OutputForm::probabilities ? probabilities : others).push_back(name(m));
  if (probabilities.empty() || others.empty()) return;
  const bool are_few = probabilities.size() <= others.size();
  std::vector<std::string>& fewer = are_few ? probabilities : others;
  constexpr size_t kNamed = 8;
  if (const size_t count = fewer.size(); count > kNamed) {
    fewer.resize(kNamed);
    fewer.push_back(fmt::format("{} more", count - kNamed));
  }
  models.warnings.push_back(
      {"mixed_forms",
       fmt::format("{} {} like {}, the others like {}; each was read as what it looks like", fmt::join(fewer, ", "),
                   fewer.size() == 1 ? "looks" : "look", are_few ? "probabilities" : "logits",
                   are_few ? "logits" : "probabilities"),
       "if all are of one kind, say which with --input; probabilities that are rounded tie where logits do not"});
}

void add_new(const std::vector<Warning>& warnings, std::vector<Warning>& all) {
  for (const Warning& warning : warnings)
    if (std::ranges::find(all, warning.code, &Warning::code) == all.end()) all.push_back(warning);
}

void check_population(const Models& models, const std::function<std::string(size_t place)>& name) {
  for (size_t m = 0; m < models.models.size(); ++m)
    for (const uint32_t z : models.population)
      if (const int8_t side = models.models[m].membership[z]; side != 0)
        fail(Category::input,
             "record {} is in the population, but {} {}; a population is of records that no model was trained on", z,
             side == 1 ? "was in the training set of" : "its membership is unknown in", name(m));
}

void check_unchanged(const Models& models) {
  for (const AuditedModel& model : models.models) check_unchanged(model.outputs);
  if (models.stored) models.stored->check_unchanged();
}

namespace {

namespace fs = std::filesystem;

constexpr size_t kNowhere = SIZE_MAX;

std::vector<int8_t> membership_row(const Array& matrix, size_t row, size_t records, const RecordRange& range) {
  std::vector<int8_t> membership(range.end - range.begin);
  const std::span<const std::byte> bytes = matrix.bytes().subspan(row * records + range.begin, range.end - range.begin);
  std::transform(bytes.begin(), bytes.end(), membership.begin(), [](std::byte b) { return static_cast<int8_t>(b); });
  return membership;
}

[[noreturn]] void fail_rows(const std::string& path, size_t rows, size_t records) {
  fail(Category::input, "{} holds {} but the run has {}", path, counted(rows, "record"), records);
}

/// Rows [begin, end) over the same memory.
Array rows_of(const Array& all, const RecordRange& range) {
  std::vector<size_t> shape = all.shape();
  const size_t row = all.bytes().size() / shape.front();
  shape.front() = range.end - range.begin;
  return Array(all.type(), std::move(shape), all.bytes().data() + range.begin * row, all.owner());
}

LoadedOutputs read_rows(const Run& run, size_t m, const RecordRange& range, const RecordOptions& options,
                        const Context& context) {
  const std::string path = run.outputs(m).string();
  if (range.begin == 0 && range.end == run.records) return read_outputs({path}, options, context);
  const Array all = read_npy(path, options.holding);
  if (all.dims() < 1 || all.rows() != run.records) fail_rows(path, all.dims() ? all.rows() : 0, run.records);
  return check_outputs(rows_of(all, range), fmt::format("{} (counted from record {})", path, range.begin), options,
                       context);
}

/// What stands for the outputs of a model that brings signals.
Outputs no_outputs(const Run& run, size_t records, const StoredSignals& brought) {
  Outputs outputs;
  outputs.samples = records;
  outputs.queries = brought.queries();
  outputs.classes = 2;
  for (const int32_t label : run.labels) outputs.classes = std::max(outputs.classes, static_cast<size_t>(label) + 1);
  return outputs;
}

/// `is_thorough`: checksums are compared.
Models read_models(const Run& run, const RecordRange& range, bool is_thorough, RecordOptions options,
                   const Context& context, const Readings& known) {
  if (options.on_nonfinite == OnNonfinite::drop)
    fail(Category::config, "--on-nonfinite drop goes with one model's outputs; every model of a run must have all");
  options.on_nonfinite = OnNonfinite::never_drop;
  options.holding = Holding::passing;
  const size_t records = range.end - range.begin;
  Models models;
  for (size_t i = range.begin; i < range.end; ++i) {
    if (!run.labels.empty()) models.labels.push_back(run.labels[i]);
    models.audited.push_back(run.roles[i] == Role::audited);
    if (run.roles[i] == Role::population) models.population.push_back(static_cast<uint32_t>(i - range.begin));
  }
  std::vector<size_t> places(run.models, kNowhere);
  auto brought = std::make_shared<StoredSignals>();
  const auto advice = [&](ModelState state) {
    return run.units.empty() ? "docs/formats.md says where a model's outputs or signals go"
                             : fmt::format("`{}` makes what is missing", training_command(run, state));
  };
  ModelState lacking = ModelState::missing;
  std::string flaw;  // of the first model that is there and cannot be used
  for (size_t m = 0; m < run.models; ++m) {
    context.report("reading", m, run.models);
    std::optional<LoadedOutputs> read_before = known_outputs(known, run, m, options.holding);
    const ModelStatus status = model_status(run, m, is_thorough && !read_before);
    if (status.state != ModelState::done) {
      if (flaw.empty() && !status.why.empty())
        flaw = fmt::format("model {} is {}: {}", m, state_name(status.state), status.why);
      models.missing[m] = {
          "missing_model",
          fmt::format("model {} is {}{}", m, state_name(status.state), status.why.empty() ? "" : ": " + status.why),
          advice(status.state)};
      if (status.state == ModelState::failed) lacking = status.state;
      continue;
    }
    AuditedModel model{m, {}, membership_row(run.membership, m, run.records, range)};
    const std::string path = run.outputs(m).string();
    std::error_code error;
    const bool has_outputs = fs::exists(path, error);
    if (!models.models.empty() && has_outputs != models.has_outputs())
      fail(Category::input, "model {} brings {}, those before it {}; every model must bring the same", m,
           has_outputs ? "outputs" : "signals", has_outputs ? "signals" : "outputs");
    if (!has_outputs) {
      brought->add(run, m, models.files);
      models.stored = brought;
      model.outputs = no_outputs(run, records, *brought);
      places[m] = models.models.size();
      models.models.push_back(std::move(model));
      continue;
    }
    LoadedOutputs loaded;
    try {
      loaded = read_before ? std::move(*read_before) : read_rows(run, m, range, options, context);
      if (loaded.outputs.samples != records) fail_rows(path, loaded.outputs.samples, run.records);
      if (!models.models.empty())
        check_alike(loaded.outputs, path, models.models.front().outputs,
                    run.outputs(models.models.front().number).string());
    } catch (const Error& unusable) {
      // One that cannot be used is left out like one that is missing, and named.
      if (unusable.category() != Category::input && unusable.category() != Category::unsupported) throw;
      const std::string why = fmt::format("model {} cannot be used: {}", m, unusable.what());
      if (flaw.empty()) flaw = why;
      models.missing[m] = {"unusable_model", why, "mend its outputs, or make them again"};
      continue;
    }
    model.outputs = std::move(loaded.outputs);
    add_new(loaded.warnings, models.warnings);
    for (const OutputsPart& part : model.outputs.parts) release_pages(part.values);
    for (FileRecord& file : loaded.files) models.files.push_back(std::move(file));
    places[m] = models.models.size();
    models.models.push_back(std::move(model));
  }
  if (models.models.size() < 2)
    fail(Category::input, "{} holds {} of {}{}; an audit takes two or more: {}", run.path.string(),
         counted(models.models.size(), "finished model"), run.models, flaw.empty() ? "" : fmt::format(" ({})", flaw),
         advice(lacking));
  const size_t classes = models.models.front().outputs.classes;
  const auto wild = std::ranges::find_if(
      run.labels, [&](int32_t label) { return label < 0 || static_cast<size_t>(label) >= classes; });
  if (wild != run.labels.end())
    fail(Category::input, "{}: record {} has the label {}, but models tell {} classes apart",
         (run.path / "labels.npy").string(), wild - run.labels.begin(), *wild, classes);
  std::vector<size_t> partners(models.models.size(), kNowhere);
  for (size_t p = 0; p < models.models.size(); ++p) {
    const int64_t partner = run.partners[models.models[p].number];
    if (partner != Run::kNoPartner) partners[p] = places[static_cast<size_t>(partner)];
  }
  find_families(models, partners);
  models.partners = std::move(partners);
  const auto name = [&](size_t m) { return fmt::format("model {}", models.models[m].number); };
  check_population(models, name);
  warn_of_forms(models, name);
  models.form_detected = models.has_outputs() && !options.form.has_value();
  return models;
}

}  // namespace

Models read_models(const Run& run, const RecordOptions& options, const Context& context, const Readings& known) {
  return read_models(run, {0, run.records}, true, options, context, known);
}
Models read_models(const Run& run, const RecordRange& range, const RecordOptions& options, const Context& context) {
  return read_models(run, range, false, options, context, {});
}

}  // namespace miaudit
