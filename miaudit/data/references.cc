#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "miaudit/data/families.h"
#include "miaudit/data/model_checks.h"
#include "miaudit/data/models.h"
#include "miaudit/io/formats.h"

namespace miaudit {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRole = "reference outputs";

struct ReferenceOutputs {
  std::string name;  // the file, and where several models are in it, which of them
  Array outputs;     // [records][queries][classes]
};

/// The outputs of model m of an array of all models', as an array of its own over the same memory.
Array part_of(const Array& all, size_t m) {
  std::vector<size_t> shape = all.shape();
  const size_t bytes = all.bytes().size() / shape[0];
  shape.erase(shape.begin());
  return Array(all.type(), std::move(shape), all.bytes().data() + m * bytes, all.owner());
}

std::vector<ReferenceOutputs> read_file(const std::string& path, const Outputs& target,
                                        std::vector<FileRecord>& files) {
  const Array all = read_array(path, Holding::passing);
  // A binary model's may lack the classes.
  const bool has_dims = (all.dims() >= 3 && all.dims() <= 4) || (all.dims() == 2 && target.columns == 1);
  if (!has_dims || all.shape()[1] != target.samples)
    fail(Category::input, "{} is {}; expected (models, {}, classes) or (models, {}, queries, classes)", path,
         shape_text(all.shape()), target.samples, target.samples);
  if (all.size() == 0)
    fail(Category::input, "{} is {}: it holds no reference model's outputs", path, shape_text(all.shape()));
  files.push_back(describe_file(kRole, path, all));
  std::vector<ReferenceOutputs> references;
  for (size_t m = 0; m < all.shape()[0]; ++m)
    references.push_back({fmt::format("{} (model {}, counted from 0)", path, m), part_of(all, m)});
  return references;
}

/// Whether a name comes before another where runs of digits are read as numbers.
bool counts_before(std::string_view a, std::string_view b) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  while (!a.empty() && !b.empty()) {
    if (!is_digit(a.front()) || !is_digit(b.front())) {
      if (a.front() != b.front()) return a.front() < b.front();
      a.remove_prefix(1), b.remove_prefix(1);
      continue;
    }
    const auto number = [&](std::string_view& text) {
      const std::string_view digits =
          text.substr(0, static_cast<size_t>(std::ranges::find_if_not(text, is_digit) - text.begin()));
      text.remove_prefix(digits.size());
      return digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
    };
    const std::string_view own = number(a), other = number(b);
    if (own.size() != other.size()) return own.size() < other.size();
    if (own != other) return own < other;
  }
  return a.size() < b.size();
}

std::vector<ReferenceOutputs> read_folder(const std::string& folder, std::vector<FileRecord>& files) {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == ".npy") names.push_back(entry.path().filename().string());
  if (error) fail(Category::io, "cannot look into {}: {}", folder, error.message());
  if (names.empty()) fail(Category::input, "{} holds no .npy file; expected one for each reference model", folder);
  std::ranges::sort(names);
  for (size_t k = 1; k < names.size(); ++k)
    if (counts_before(names[k], names[k - 1]))
      fail(Category::input,
           "{}: {} comes before {} by name, and after it by number; which rows of --reference-membership are theirs? "
           "Write the numbers with zeros in front, all as long",
           folder, names[k - 1], names[k]);
  std::vector<ReferenceOutputs> references;
  for (const std::string& name : names) {
    const std::string path = (fs::path(folder) / name).string();
    references.push_back({path, read_array(path, Holding::passing)});
    files.push_back(describe_file(kRole, path, references.back().outputs));
  }
  return references;
}

/// Nobody should wonder where reference models went.
void warn_of_relatives(Models& models, const std::string& membership) {
  const std::vector<size_t> barred = barred_families(models, 0);
  std::vector<std::string> relatives;
  for (size_t m = 1; m < models.models.size(); ++m)
    if (std::ranges::binary_search(barred, models.families[m])) relatives.push_back(std::to_string(m - 1));
  if (relatives.empty()) return;
  models.warnings.push_back(
      {"relatives_of_the_target",
       fmt::format(
           "{} of {}, counted from 0: trained on much of what the target was, or was not, or in one round of "
           "cross-validation with it; not used, since that tells the target's membership",
           relatives.size() == 1 ? "row " + relatives.front() : fmt::format("rows {}", fmt::join(relatives, ", ")),
           membership),
       "give reference models of other splits"});
}

}  // namespace

Models read_references(const Records& target, const ReferencePaths& paths, const RecordOptions& options,
                       const Context& context) {
  Models models;
  models.labels = target.labels;
  models.files = target.files;
  models.warnings = target.warnings;
  models.features = target.features;
  models.feature_columns = target.feature_columns;
  models.audited.assign(target.size(), 1);
  models.models.push_back({0, target.outputs, target.membership});
  if (!target.rows.empty())
    fail(Category::config, "--on-nonfinite drop leaves rows out that reference models still have; mend the outputs");

  if (!paths.population.empty()) {
    models.population = read_indices(paths.population, target.size(), "population", models.files);
    for (const uint32_t z : models.population) models.audited[z] = 0;
  }
  if (!paths.outputs.empty()) {
    const size_t records = target.size();
    const std::vector<int8_t> memberships = read_memberships(paths.membership, records, models.files);
    std::error_code error;
    const std::vector<ReferenceOutputs> references = fs::is_directory(paths.outputs, error)
                                                         ? read_folder(paths.outputs, models.files)
                                                         : read_file(paths.outputs, target.outputs, models.files);
    if (references.size() * records != memberships.size())
      fail(Category::input, "{} holds {} but {} has {}", paths.outputs, counted(references.size(), "reference model"),
           paths.membership, counted(memberships.size() / records, "row"));
    RecordOptions each = options;
    if (each.on_nonfinite == OnNonfinite::refuse) each.on_nonfinite = OnNonfinite::never_drop;
    for (size_t m = 0; m < references.size(); ++m) {
      context.report("reading", m, references.size());
      LoadedOutputs loaded = check_outputs(references[m].outputs, references[m].name, each, context);
      if (std::ranges::any_of(loaded.outputs.parts, [](const OutputsPart& part) { return !part.rows.empty(); }))
        fail(Category::config,
             "{} holds NaN, infinite or too large values. --on-nonfinite drop leaves out records of one model; "
             "reference models and target must have all. Mend the outputs, or leave the model out",
             references[m].name);
      check_alike(loaded.outputs, references[m].name, target.outputs, target.outputs.parts.front().source);
      add_new(loaded.warnings, models.warnings);
      const auto own = memberships.begin() + static_cast<ptrdiff_t>(m * records);
      AuditedModel model{m + 1, std::move(loaded.outputs), {own, own + static_cast<ptrdiff_t>(records)}};
      models.models.push_back(std::move(model));
    }
  }
  find_families(models, std::vector<size_t>(models.models.size(), SIZE_MAX));
  warn_of_relatives(models, paths.membership);
  const auto name = [&](size_t m) {
    return m == 0 ? "the target" : fmt::format("the model of row {} of {}", m - 1, paths.membership);
  };
  check_population(models, name);
  warn_of_forms(models, name);
  return models;
}

}  // namespace miaudit
