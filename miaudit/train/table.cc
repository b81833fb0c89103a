#include "miaudit/train/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "miaudit/base/error.h"
#include "miaudit/io/raw.h"

namespace miaudit {
namespace {

constexpr size_t kMostCategories = 1000;
constexpr size_t kMostListed = 30;  // Columns in a message.

std::optional<double> number(std::string_view cell) {
  while (!cell.empty() && cell.front() == ' ') cell.remove_prefix(1);
  while (!cell.empty() && cell.back() == ' ') cell.remove_suffix(1);
  if (cell.starts_with('+')) cell.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc() || end != cell.data() + cell.size() || !std::isfinite(value)) return {};
  return value;
}

std::string_view trimmed(std::string_view cell) {
  while (!cell.empty() && cell.front() == ' ') cell.remove_prefix(1);
  while (!cell.empty() && cell.back() == ' ') cell.remove_suffix(1);
  return cell;
}

bool is_missing(std::string_view cell) {
  cell = trimmed(cell);
  return cell.empty() || cell == "?" || cell == "NA" || cell == "nan" || cell == "NaN";
}

const std::string& cell_at(const CsvTable& table, size_t row, size_t column) {
  return table.cells[row * table.columns + column];
}

std::vector<std::string> column_names(const CsvTable& table) {
  std::vector<std::string> names;
  for (size_t c = 0; c < table.columns; ++c)
    names.push_back(table.header.empty() || trimmed(table.header[c]).empty() ? fmt::format("column{}", c)
                                                                             : std::string(trimmed(table.header[c])));
  return names;
}

size_t column_of(const std::vector<std::string>& names, const std::string& name, const std::string& path) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    const std::string near = nearest_name(name, names);
    std::string known;
    for (size_t c = 0; c < std::min(names.size(), kMostListed); ++c) known += (c ? ", " : "") + printable(names[c]);
    if (names.size() > kMostListed) known += ", …";
    fail(Category::config, "{} has no column {}{}; its columns: {}", path, printable(name),
         near.empty() ? "" : fmt::format("; did you mean {}?", printable(near)), known);
  }
  return static_cast<size_t>(found - names.begin());
}

/// The column's different values in order.
std::vector<std::string> values_of(const CsvTable& table, size_t column) {
  std::vector<std::string> values;
  for (size_t row = 0; row < table.rows(); ++row) {
    const std::string value(trimmed(cell_at(table, row, column)));
    const auto place = std::lower_bound(values.begin(), values.end(), value);
    if (place == values.end() || *place != value) {
      values.insert(place, value);
      if (values.size() > kMostCategories) break;
    }
  }
  return values;
}

/// A column that is not to be encoded as categories unless the user says so.
bool is_numeric(const CsvTable& table, size_t column, const std::string& name, const std::string& path) {
  size_t missing = 0, first_missing = 0, texts = 0, first_text = 0, numbers = 0;
  for (size_t row = 0; row < table.rows(); ++row) {
    const std::string& cell = cell_at(table, row, column);
    if (is_missing(cell)) {
      if (missing++ == 0) first_missing = row;
    } else if (number(cell)) {
      ++numbers;
    } else if (texts++ == 0) {
      first_text = row;
    }
  }
  if (texts >= numbers) return false;
  if (texts > 0)
    fail(Category::input,
         "{}: column {} holds numbers, but {}, the first, {}, in row {}; mend that, leave the column out with "
         "--ignore-columns, or make its values categories with --categorical",
         path, printable(name), texts == 1 ? "one cell does not" : grouped(texts) + " cells do not",
         printable(cell_at(table, first_text, column)), first_text);
  if (missing > 0)
    fail(Category::input,
         "{}: column {} holds numbers, but {} missing, the first in row {}; fill them in, leave the column out with "
         "--ignore-columns, or make its values categories with --categorical",
         path, printable(name), missing == 1 ? "one is" : grouped(missing) + " are", first_missing);
  return true;
}

/// Numbers become float32, which must tell them apart.
void check_resolution(const CsvTable& table, size_t column, const std::string& name, const std::string& path) {
  double low = INFINITY, high = -INFINITY;
  for (size_t row = 0; row < table.rows(); ++row) {
    const double value = *number(cell_at(table, row, column));
    low = std::min(low, value);
    high = std::max(high, value);
  }
  constexpr double kRounding = 1.0 / (1 << 24);
  constexpr double kLargestError = 1e-3;  // of the range
  if (high > low && std::max(std::abs(low), std::abs(high)) * kRounding > kLargestError * (high - low))
    fail(Category::input,
         "{}: column {} runs from {} to {}, finer than the 7 digits that are kept; subtract a constant from it, or "
         "leave it out with --ignore-columns",
         path, printable(name), low, high);
}

bool has_name(const CsvTable& table, const std::string& name) {
  for (size_t c = 0; c < table.columns; ++c)
    if (trimmed(cell_at(table, 0, c)) == name) return true;
  return false;
}

bool is_header(const CsvTable& table, const TableOptions& options) {
  bool turns_up_again = false, stands_above_numbers = false;
  for (size_t c = 0; c < table.columns; ++c) {
    if (number(cell_at(table, 0, c))) return false;
    size_t numbers = 0, texts = 0;
    for (size_t row = 1; row < table.rows(); ++row) {
      const std::string& cell = cell_at(table, row, c);
      turns_up_again |= trimmed(cell) == trimmed(cell_at(table, 0, c));
      if (is_missing(cell)) continue;
      ++(number(cell) ? numbers : texts);
    }
    stands_above_numbers |= numbers > texts && !is_missing(cell_at(table, 0, c));
  }
  std::vector<std::string> asked = options.categorical;
  asked.insert(asked.end(), options.ignored.begin(), options.ignored.end());
  if (!options.label_column.empty()) asked.push_back(options.label_column);
  const bool has_names = !asked.empty() && std::all_of(asked.begin(), asked.end(),
                                                       [&](const std::string& name) { return has_name(table, name); });
  return has_names || stands_above_numbers || (!turns_up_again && table.rows() > 1);
}

}  // namespace

size_t TableEncoding::features() const {
  size_t features = 0;
  for (const ColumnEncoding& column : columns) features += column.features();
  return features;
}

CsvTable parse_table(std::span<const std::byte> bytes, const std::string& path, const TableOptions& options) {
  CsvTable table = parse_csv(bytes, path);
  if (table.header.empty() && is_header(table, options))
    table = parse_csv(bytes, path, {.separator = {}, .header = CsvHeader::present});
  return table;
}

TableEncoding encode_columns(const CsvTable& table, const std::string& path, const TableOptions& options) {
  const std::vector<std::string> names = column_names(table);
  for (size_t c = 1; c < names.size(); ++c)
    if (std::find(names.begin(), names.begin() + static_cast<ptrdiff_t>(c), names[c]) !=
        names.begin() + static_cast<ptrdiff_t>(c))
      fail(Category::input, "{} has two columns named {}; give each a name of its own", path, printable(names[c]));
  std::vector<bool> is_left_out(names.size()), is_categorical(names.size());
  for (const std::string& name : options.ignored) is_left_out[column_of(names, name, path)] = true;
  for (const std::string& name : options.categorical) is_categorical[column_of(names, name, path)] = true;
  TableEncoding encoding;
  encoding.label_column = options.label_column;
  if (!options.label_column.empty()) {
    const size_t column = column_of(names, options.label_column, path);
    is_left_out[column] = true;
    encoding.classes = values_of(table, column);
    for (size_t row = 0; row < table.rows(); ++row)
      if (is_missing(cell_at(table, row, column)))
        fail(Category::input, "{}: row {} has no class in the label column {}; fill it in or leave the row out", path,
             row, printable(options.label_column));
    if (encoding.classes.size() > kMostCategories)
      fail(Category::input, "{}: the label column {} holds more than {} different values; expected classes", path,
           printable(options.label_column), grouped(kMostCategories));
  }
  for (size_t c = 0; c < names.size(); ++c) {
    if (is_left_out[c]) continue;
    ColumnEncoding column{names[c], c, {}};
    if (is_categorical[c] || !is_numeric(table, c, names[c], path)) {
      column.categories = values_of(table, c);
      if (column.categories.size() > kMostCategories)
        fail(Category::input,
             "{}: column {} holds more than {} different values that are no numbers, as an id does; leave it out "
             "with --ignore-columns",
             path, printable(names[c]), grouped(kMostCategories));
    } else {
      check_resolution(table, c, names[c], path);
    }
    encoding.columns.push_back(std::move(column));
  }
  if (encoding.columns.empty()) fail(Category::input, "{} has no column to learn from", path);
  return encoding;
}

std::vector<float> encode_rows(const CsvTable& table, const TableEncoding& encoding, const std::string& path,
                               size_t& unknown) {
  const std::vector<std::string> names = column_names(table);
  std::vector<size_t> places;
  for (const ColumnEncoding& column : encoding.columns) {
    // By name, where there are names: another file may order its columns otherwise.
    places.push_back(table.header.empty() ? column.column : column_of(names, column.name, path));
    if (places.back() >= table.columns)
      fail(Category::input, "{} has {}; the encoding needs column {}", path, counted(table.columns, "column"),
           places.back() + 1);
  }
  const size_t features = encoding.features();
  std::vector<float> rows(table.rows() * features);
  for (size_t row = 0; row < table.rows(); ++row) {
    float* out = rows.data() + row * features;
    for (size_t c = 0; c < places.size(); ++c) {
      const ColumnEncoding& column = encoding.columns[c];
      const std::string& cell = cell_at(table, row, places[c]);
      if (column.categories.empty()) {
        const std::optional<double> value = number(cell);
        if (!value || !std::isfinite(static_cast<float>(*value)))
          fail(Category::input, "{}: row {}, column {} holds {}; expected a finite number", path, row,
               printable(column.name), printable(cell));
        out[0] = static_cast<float>(*value);
      } else {
        const auto found = std::lower_bound(column.categories.begin(), column.categories.end(), trimmed(cell));
        if (found != column.categories.end() && *found == trimmed(cell)) {
          out[found - column.categories.begin()] = 1;
        } else {
          ++unknown;
        }
      }
      out += column.features();
    }
  }
  return rows;
}

std::vector<int32_t> encode_labels(const CsvTable& table, const TableEncoding& encoding, const std::string& path) {
  const size_t column = column_of(column_names(table), encoding.label_column, path);
  std::vector<int32_t> labels;
  for (size_t row = 0; row < table.rows(); ++row) {
    const std::string_view value = trimmed(cell_at(table, row, column));
    const auto found = std::lower_bound(encoding.classes.begin(), encoding.classes.end(), value);
    if (found == encoding.classes.end() || *found != value)
      fail(Category::input, "{}: row {} has the class {}, which the training data does not have", path, row,
           printable(value));
    labels.push_back(static_cast<int32_t>(found - encoding.classes.begin()));
  }
  return labels;
}

std::vector<Warning> odd_columns(const TableEncoding& encoding, size_t rows, const std::string& path) {
  // A value should turn up this often to be learnt of.
  constexpr size_t kRowsAValue = 4;
  std::vector<Warning> warnings;
  if (const size_t classes = encoding.classes.size(); classes * kRowsAValue > rows)
    warnings.push_back({"many_classes",
                        fmt::format("{}: the label column {} has {} different values in {}, each a class", path,
                                    encoding.label_column, grouped(classes), counted(rows, "row")),
                        "if it is a quantity, cut it into classes"});
  for (const ColumnEncoding& column : encoding.columns)
    if (column.categories.size() * kRowsAValue > rows)
      warnings.push_back({"many_categories",
                          fmt::format("{}: column {} has {} different values in {}, each a feature", path, column.name,
                                      grouped(column.categories.size()), counted(rows, "row")),
                          "if it names the rows, leave it out with --ignore-columns"});
  return warnings;
}

nlohmann::json to_json(const TableEncoding& encoding) {
  nlohmann::json columns = nlohmann::json::array();
  for (const ColumnEncoding& column : encoding.columns) {
    nlohmann::json entry = {{"name", column.name}, {"column", column.column}};
    if (!column.categories.empty()) entry["categories"] = column.categories;
    columns.push_back(std::move(entry));
  }
  nlohmann::json json = {{"columns", std::move(columns)}};
  if (!encoding.label_column.empty()) {
    json["label_column"] = encoding.label_column;
    json["classes"] = encoding.classes;
  }
  return json;
}

}  // namespace miaudit
