#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "miaudit/data/records.h"
#include "miaudit/io/formats.h"

namespace miaudit {

/// How a column of a table becomes numbers: as it is, or one 0/1 feature for each of its categories.
struct ColumnEncoding {
  std::string name;
  size_t column = 0;                    ///< in the file
  std::vector<std::string> categories;  ///< sorted; empty for a numeric column
  size_t features() const { return categories.empty() ? 1 : categories.size(); }
};

/// How a table's rows become records, so that further rows become the same.
struct TableEncoding {
  std::vector<ColumnEncoding> columns;
  std::string label_column;          ///< "" where the labels are another file
  std::vector<std::string> classes;  ///< the label column's values, sorted; class k is the kth
  size_t features() const;
};

struct TableOptions {
  std::string label_column;              ///< its name, "" for none
  std::vector<std::string> categorical;  ///< columns of numbers that name categories
  std::vector<std::string> ignored;      ///< columns to leave out
};

/// A table of records. Its first row is a header where it holds no number and the columns that `options` names, or
/// where none of its cells turns up again below it, or a column of numbers stands below one: a header taken for a
/// record would be learnt as one.
CsvTable parse_table(std::span<const std::byte> bytes, const std::string& path, const TableOptions& options);

/// Finds out the encoding: a column of finite numbers is numeric, one of text categorical. A table without a header has
/// columns named column0, column1, …, and so has one without a name. Throws Error(input) for a column of numbers with a
/// missing one or with text in a few places, or whose numbers differ by less than float32 tells apart; for a column
/// with more than 1000 categories; for an unknown name.
TableEncoding encode_columns(const CsvTable& table, const std::string& path, const TableOptions& options);

/// [rows][features]. A category that the encoding does not know gives zeros, and is counted into `unknown`.
std::vector<float> encode_rows(const CsvTable& table, const TableEncoding& encoding, const std::string& path,
                               size_t& unknown);
/// The class of each row. Throws Error(input) for one that the encoding does not know.
std::vector<int32_t> encode_labels(const CsvTable& table, const TableEncoding& encoding, const std::string& path);

/// What looks like a slip in a table of so many rows: columns whose values are too many to be classes or categories.
std::vector<Warning> odd_columns(const TableEncoding& encoding, size_t rows, const std::string& path);

nlohmann::json to_json(const TableEncoding& encoding);

}  // namespace miaudit
