#include "miaudit/data/records.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>

#include "miaudit/io/file.h"
#include "miaudit/io/formats.h"
#include "miaudit/io/number.h"
#include "miaudit/io/raw.h"

namespace miaudit {
namespace {

/// A name with its digits left out.
std::string pattern_of(const std::string& name) {
  std::string rest = name;
  std::erase_if(rest, [](unsigned char c) { return std::isdigit(c); });
  return rest;
}

/// With a line more than there are records the first is a heading, unless it looks like the names below: then a name
/// too many was given, and all would shift by one.
CsvTable read_named(const std::string& role, const std::string& path, size_t rows) {
  const CsvTable table = read_csv(path);
  if (!table.header.empty() || table.rows() != rows + 1) return table;
  const std::string& first = table.cells.front();
  const std::string& second = table.cells[std::min(table.columns, table.cells.size() - 1)];
  if (pattern_of(first) != first && pattern_of(first) == pattern_of(second))
    fail(Category::input,
         "{} holds {} lines for {}; its first, {}, looks like those below it and no heading. Give one {} a record, "
         "below a heading of another form if there is one",
         path, table.rows(), counted(rows, "record"), printable(first), role == "ids" ? "id" : "group");
  return read_csv(path, {.separator = {}, .header = CsvHeader::present});
}

// The first column of a text file, or the elements of an integer array, as text.
std::vector<std::string> read_names(const std::string& role, const std::string& path, size_t rows,
                                    std::vector<FileRecord>& files) {
  std::vector<std::string> names;
  if (is_text_file(path)) {
    const CsvTable table = read_named(role, path, rows);
    // Ids may well count the rows, if their column says that it holds them.
    if (role != "ids" || table.header.empty() || is_missing(table.header.front())) refuse_index(table, path);
    std::string all;
    for (size_t i = 0; i < table.rows(); ++i) {
      names.push_back(table.cells[i * table.columns]);
      if (!is_utf8(names.back()))
        fail(Category::input, "{}: the name of record {} (counted from 0), {}, is not UTF-8; save the file as UTF-8",
             path, i, printable(names.back()));
      all += names.back() + '\n';
    }
    files.push_back({role, path, "text", {names.size()}, content_hash(std::as_bytes(std::span(all)))});
    return names;
  }
  const Array array = read_array(path);
  files.push_back(describe_file(role, path, array));
  if (is_floating(array.type()) || array.dims() != 1)
    fail(Category::input,
         "{} holds {} of shape {}; --{} takes one integer a record, or a .csv whose first column names them", path,
         element_name(array.type()), shape_text(array.shape()), role);
  with_element_type(array.type(), [&]<class T>() {
    if constexpr (std::is_integral_v<T>)
      for (const T value : array.as<T>()) names.push_back(std::to_string(value));
  });
  return names;
}

}  // namespace

std::string header_hint(const std::string& path, size_t found, size_t rows) {
  const bool is_suspect = found == rows + 1 && is_text_file(path);
  return is_suspect ? ". If its first line is a header, save it without (header=False)" : "";
}

namespace {

void check_count(const std::string& path, std::string_view what, size_t found, size_t rows) {
  if (found != rows)
    fail(Category::input, "{} holds {} but the outputs {}; both must list the same records in the same order{}", path,
         counted(found, what), counted(rows, "record"), header_hint(path, found, rows));
}

// Values of the rows that were kept.
template <class T>
void keep_rows(std::vector<T>& values, const std::vector<uint64_t>& rows) {
  if (values.empty() || rows.empty()) return;
  for (size_t i = 0; i < rows.size(); ++i)
    if (rows[i] != i) values[i] = std::move(values[rows[i]]);
  values.resize(rows.size());
}

std::vector<uint64_t> kept_rows(size_t rows, const std::vector<uint64_t>& dropped) {
  std::vector<uint64_t> kept;
  if (dropped.empty()) return kept;
  kept.reserve(rows - dropped.size());
  auto next = dropped.begin();
  for (uint64_t row = 0; row < rows; ++row) {
    if (next != dropped.end() && *next == row) {
      ++next;
    } else {
      kept.push_back(row);
    }
  }
  return kept;
}

void check_both_sides(const Records& records, const std::string& where) {
  const auto members = std::count(records.membership.begin(), records.membership.end(), int8_t{1});
  const auto nonmembers = std::count(records.membership.begin(), records.membership.end(), int8_t{0});
  if (members == 0 || nonmembers == 0)
    fail(Category::input, "{}: {} and {} are left to audit; at least one of each is needed", where,
         counted(static_cast<uint64_t>(members), "member"), counted(static_cast<uint64_t>(nonmembers), "non-member"));
}

}  // namespace

Features read_features(const std::string& path, size_t rows, std::vector<FileRecord>& files) {
  const Array array = read_array(path);
  files.push_back(describe_file("features", path, array));
  if (array.dims() < 1 || array.size() == 0 || array.rows() != rows)
    fail(Category::input, "{} has shape {}; expected features of {}, one row each in the order of the outputs", path,
         shape_text(array.shape()), counted(rows, "record"));
  Features features{std::vector<float>(array.size()), array.size() / rows};
  with_element_type(array.type(), [&]<class T>() {
    const std::span<const T> values = array.as<T>();
    for (size_t k = 0; k < values.size(); ++k) {
      if constexpr (std::is_same_v<T, Half>) {
        features.values[k] = static_cast<float>(to_double(values[k]));
      } else {
        features.values[k] = static_cast<float>(values[k]);
      }
    }
  });
  const auto bad = std::ranges::find_if(features.values, [](float v) { return !std::isfinite(v); });
  if (bad != features.values.end())
    fail(Category::input, "{}: row {} holds a value that is not a finite float32; mend it", path,
         static_cast<size_t>(bad - features.values.begin()) / features.columns);
  return features;
}

std::vector<int64_t> read_groups(const std::string& path, size_t rows, std::vector<FileRecord>& files,
                                 std::vector<std::string>* found) {
  const std::vector<std::string> names = read_names("groups", path, rows, files);
  std::map<std::string_view, int64_t> numbers;
  std::vector<int64_t> groups;
  groups.reserve(names.size());
  for (const std::string& name : names) {
    const auto [place, is_new] = numbers.try_emplace(name, static_cast<int64_t>(numbers.size()));
    if (is_new && found) found->push_back(name);
    groups.push_back(place->second);
  }
  return groups;
}

namespace {

void warn_of_shared_ids(const std::string& path, Records& records) {
  std::vector<std::string_view> sorted(records.ids.begin(), records.ids.end());
  std::ranges::sort(sorted);
  const auto shared = std::ranges::adjacent_find(sorted);
  if (shared == sorted.end()) return;
  const auto different = static_cast<size_t>(std::ranges::unique(sorted).begin() - sorted.begin());
  records.warnings.push_back(
      {"shared_ids",
       fmt::format("{} names {} by {}; {} stands for more than one, and reports cannot tell those apart", path,
                   counted(records.ids.size(), "record"), counted(different, "id"), printable(*shared)),
       "give each record an id of its own; whose it is goes into --groups"});
}

}  // namespace

void read_whose(const RecordPaths& paths, size_t rows, Records& records, std::vector<FileRecord>& files) {
  if (!paths.groups.empty()) {
    records.groups = read_groups(paths.groups, rows, files, &records.group_names);
    check_count(paths.groups, "group", records.groups.size(), rows);
  }
  if (!paths.ids.empty()) {
    records.ids = read_names("ids", paths.ids, rows, files);
    check_count(paths.ids, "id", records.ids.size(), rows);
    warn_of_shared_ids(paths.ids, records);
  }
}

Records read_records(const RecordPaths& paths, const RecordOptions& options, const Context& context) {
  Records records;
  LoadedOutputs loaded = read_outputs(paths.outputs, options, context);
  records.outputs = std::move(loaded.outputs);
  records.files = std::move(loaded.files);
  records.warnings = std::move(loaded.warnings);
  records.input_rows = loaded.rows;
  records.form_detected = !options.form;
  records.rows = kept_rows(loaded.rows, loaded.dropped);

  for (size_t k = 0; k < paths.labels.size(); ++k) {
    // Each label file goes with one outputs file, whose own rows it must match.
    const size_t rows = records.files[k].shape[0];
    const std::vector<int32_t> labels = read_labels(paths.labels[k], rows, records.outputs, records.files);
    records.labels.insert(records.labels.end(), labels.begin(), labels.end());
  }
  if (paths.membership.empty()) {
    records.membership.assign(records.files[0].shape[0], 1);
    records.membership.resize(loaded.rows, 0);
  } else {
    records.membership = read_membership(paths.membership, records.files);
    check_count(paths.membership, "membership", records.membership.size(), loaded.rows);
  }
  read_whose(paths, loaded.rows, records, records.files);

  if (!paths.features.empty()) {
    Features features = read_features(paths.features, loaded.rows, records.files);
    records.feature_columns = features.columns;
    if (records.rows.empty()) {
      records.features = std::move(features.values);
    } else {
      for (const uint64_t row : records.rows)
        records.features.insert(records.features.end(),
                                features.values.begin() + static_cast<ptrdiff_t>(row * features.columns),
                                features.values.begin() + static_cast<ptrdiff_t>((row + 1) * features.columns));
    }
  }

  keep_rows(records.labels, records.rows);
  keep_rows(records.membership, records.rows);
  keep_rows(records.groups, records.rows);
  keep_rows(records.ids, records.rows);
  check_both_sides(records, paths.membership.empty() ? paths.outputs[0] : paths.membership);
  return records;
}

}  // namespace miaudit
