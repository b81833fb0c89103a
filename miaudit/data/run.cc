#include "miaudit/data/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "miaudit/data/records.h"
#include "miaudit/data/run_files.h"
#include "miaudit/io/file.h"
#include "miaudit/io/formats.h"
#include "miaudit/io/json.h"
#include "miaudit/io/raw.h"

namespace miaudit {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

template <class T>
T value_of(const json& object, const char* key, const fs::path& path) {
  try {
    return object.at(key).get<T>();
  } catch (const json::exception&) {
    fail(Category::input, "{}: '{}' is missing or of another kind than docs/formats.md says", path.string(), key);
  }
}

Array read_membership_matrix(const Run& run) {
  const fs::path path = run.path / "membership.npy";
  Array matrix = read_npy(path);
  const bool is_bits = matrix.type() == ElementType::boolean || matrix.type() == ElementType::int8 ||
                       matrix.type() == ElementType::uint8;
  if (matrix.dims() != 2 || !is_bits)
    fail(Category::input, "{} is {} of {}; expected (models, records) of bool, or int8 with -1 for unknown",
         path.string(), shape_text(matrix.shape()), element_name(matrix.type()));
  if (matrix.rows() != run.models)
    fail(Category::input, "{} has {} but run.json says {}", path.string(), counted(matrix.rows(), "row"),
         counted(run.models, "model"));
  const std::span<const std::byte> bytes = matrix.bytes();
  const bool allows_unknown = matrix.type() == ElementType::int8;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto value = static_cast<int8_t>(bytes[i]);
    if (value == 0 || value == 1 || (value == -1 && allows_unknown)) continue;
    fail(Category::input, "{}: model {}, record {} holds {}; expected 1 (member), 0, or -1 (unknown) in int8",
         path.string(), i / matrix.shape()[1], i % matrix.shape()[1],
         allows_unknown ? int{value} : std::to_integer<int>(bytes[i]));
  }
  return matrix;
}

std::vector<Role> read_roles(const Run& run) {
  const fs::path path = run.path / "roles.npy";
  if (!is_there(path)) return std::vector<Role>(run.records, Role::audited);
  const Array array = read_npy(path);
  if (array.type() != ElementType::uint8 || array.shape() != std::vector<size_t>{run.records})
    fail(Category::input, "{} is {} of {}; expected ({},) of uint8", path.string(), shape_text(array.shape()),
         element_name(array.type()), run.records);
  std::vector<Role> roles;
  for (const uint8_t value : array.as<uint8_t>()) {
    if (value > 2)
      fail(Category::input, "{}: record {} holds {}; expected 0 (audited), 1 (population) or 2 (test)", path.string(),
           roles.size(), value);
    roles.push_back(static_cast<Role>(value));
  }
  return roles;
}

std::vector<int64_t> read_partners(const Run& run, const json& file, const fs::path& path) {
  if (!file.contains("partners")) return std::vector<int64_t>(run.models, Run::kNoPartner);
  auto partners = value_of<std::vector<int64_t>>(file, "partners", path);
  if (partners.size() != run.models)
    fail(Category::input, "{}: 'partners' lists {} models of {}", path.string(), partners.size(), run.models);
  for (size_t m = 0; m < run.models; ++m) {
    const int64_t partner = partners[m];
    const bool is_sound =
        partner == Run::kNoPartner ||
        (partner >= 0 && static_cast<size_t>(partner) < run.models &&
         partners[static_cast<size_t>(partner)] == static_cast<int64_t>(m) && static_cast<size_t>(partner) != m);
    if (!is_sound)
      fail(Category::input, "{}: model {} has the partner {}, which is not mutual; expected another model or -1",
           path.string(), m, partner);
  }
  return partners;
}

void check_arrays(const Run& run) {
  for (const auto& [name, checksum] : run.checksums) {
    const fs::path file = run.path / name;
    if (!is_there(file))
      fail(Category::input, "{} is missing, which `miaudit shadow plan` wrote. {}", file.string(), kPlanAgain);
    if (content_hash(FileBytes::open(file).bytes()) == checksum) continue;
    fail(Category::input,
         "{} is not what run.json was written with: its checksum differs. Was a plan interrupted, or is one being "
         "made? {}",
         file.string(), kPlanAgain);
  }
  for (const char* name : {"membership.npy", "labels.npy"})
    if (!is_there(run.path / name))
      fail(Category::input, "{} is missing; a run made by hand needs it, as docs/formats.md says",
           (run.path / name).string());
}

Run parse_run_file(const fs::path& path) {
  const fs::path plan = path / "run.json";
  const json file = read_json(plan);
  check_schema(plan, value_of<json>(file, "schema_version", plan));
  Run run;
  run.path = path;
  const auto models = value_of<int64_t>(file, "models", plan);
  if (models < 1 || models > static_cast<int64_t>(Run::kMostModels))
    fail(Category::input, "{}: 'models' is {}; expected 1 to {}", plan.string(), models, Run::kMostModels);
  run.models = static_cast<size_t>(models);
  run.partners = read_partners(run, file, plan);
  if (file.contains("units")) {
    run.units = value_of<std::vector<std::string>>(file, "units", plan);
    if (run.units.size() != run.models)
      fail(Category::input, "{}: 'units' lists {} models of {}", plan.string(), run.units.size(), run.models);
  }
  run.is_brought.assign(run.models, false);
  if (file.contains("brought")) {
    for (const auto m : value_of<std::vector<size_t>>(file, "brought", plan)) {
      if (m >= run.models) fail(Category::input, "{}: 'brought' names model {} of {}", plan.string(), m, run.models);
      run.is_brought[m] = true;
    }
  }
  if (file.contains("checksums")) run.checksums = value_of<std::map<std::string, std::string>>(file, "checksums", plan);
  return run;
}

}  // namespace

bool is_there(const fs::path& path) {
  std::error_code error;
  const bool found = fs::exists(path, error);
  if (error)
    fail(Category::io, "cannot look at {}: {}; let whoever runs this read the run", path.string(), error.message());
  return found;
}

void check_schema(const fs::path& file, const json& schema) {
  const std::string found = escaped(schema.dump());
  if (schema.is_number_unsigned() && schema.get<uint64_t>() > uint64_t{Run::kSchemaVersion})
    fail(Category::unsupported, "{} has schema version {}; this miaudit reads up to {}. Take a newer one",
         file.string(), found, Run::kSchemaVersion);
  if (!schema.is_number_unsigned() || schema != Run::kSchemaVersion)
    fail(Category::input, "{} has schema version {}; expected the whole number {}", file.string(), found,
         Run::kSchemaVersion);
}

bool was_planned(const fs::path& path) {
  return std::ranges::all_of(kRunFolders, [&](const char* folder) {
    std::error_code error;
    return fs::is_directory(path / folder, error);
  });
}

fs::path Run::model(size_t m) const {
  return path / "models" / fmt::format("{:04}", m);
}
fs::path Run::checkpoint(size_t m) const {
  return path / "checkpoints" / fmt::format("{:04}.npz", m);
}
fs::path Run::failure(size_t m) const {
  return path / "failed" / fmt::format("{:04}.json", m);
}
fs::path Run::failure_log(size_t m) const {
  return path / "failed" / fmt::format("{:04}.log", m);
}

std::vector<uint32_t> Run::members(size_t m) const {
  std::vector<uint32_t> members;
  const std::span<const std::byte> row = membership.bytes().subspan(m * records, records);
  for (size_t i = 0; i < records; ++i)
    if (row[i] == std::byte{1}) members.push_back(static_cast<uint32_t>(i));
  return members;
}

Run read_run_file(const fs::path& path) {
  const fs::path plan = path / "run.json";
  if (!is_there(plan)) {
    if (was_planned(path)) fail(Category::input, "{} is missing. {}", plan.string(), kPlanAgain);
    std::error_code error;
    if (!fs::exists(path, error))
      fail(Category::input, "{} does not exist; expected a run folder. `miaudit shadow plan` makes one", path.string());
    if (!fs::is_directory(path, error))
      fail(Category::input, "{} is a file; expected a run folder (arrays go by --outputs or --members)", path.string());
    fail(Category::input, "{} is no run folder: it holds no run.json. `miaudit shadow plan` makes one", path.string());
  }
  try {
    return parse_run_file(path);
  } catch (const Error& damage) {
    if (damage.category() != Category::input || !was_planned(path)) throw;
    fail(Category::input, "{}. {}", damage.what(), kPlanAgain);
  }
}

Run read_run(const fs::path& path) {
  Run run = read_run_file(path);
  check_arrays(run);
  run.membership = read_membership_matrix(run);
  run.records = run.membership.shape()[1];
  std::vector<FileRecord> files;
  run.labels = read_run_labels((path / "labels.npy").string(), run.records, files);
  run.roles = read_roles(run);
  return run;
}

}  // namespace miaudit
