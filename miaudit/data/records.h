#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "miaudit/base/context.h"
#include "miaudit/data/outputs.h"
#include "miaudit/io/array.h"
#include "miaudit/io/file.h"

namespace miaudit {

/// A file that an audit read, and what was in it: two audits of one name and shape can still be told apart.
struct FileRecord {
  std::string role;  ///< "outputs", "labels", "membership", …
  std::string path;  ///< As given.
  std::string element_type;
  std::vector<size_t> shape;
  std::string hash;  ///< content_hash of the elements.
};

/// A message for the person, as data.
struct Warning {
  std::string code;     ///< Stable, snake_case: "few_nonmembers".
  std::string message;  ///< What was found.
  std::string advice;   ///< What to do about it.
};

/// Everything known about the audited records, in one order.
struct Records {
  Outputs outputs;
  std::vector<int32_t> labels;     ///< 0 … classes−1, or empty.
  std::vector<int8_t> membership;  ///< 1 member, 0 non-member, −1 unknown.
  std::vector<float> features;     ///< [records][feature_columns], or empty.
  size_t feature_columns = 0;
  std::vector<int64_t> groups;           ///< The person (or other unit) that a record belongs to, or empty.
  std::vector<std::string> group_names;  ///< The user's name of each group, by its number.
  std::vector<std::string> ids;          ///< The user's names for the records, or empty.
  /// Row of each record in the input, parts counted through; empty when none was dropped.
  std::vector<uint64_t> rows;
  size_t input_rows = 0;       ///< Rows of the input, dropped ones included.
  bool form_detected = false;  ///< The outputs' form was found out, not given.
  std::vector<FileRecord> files;
  std::vector<Warning> warnings;

  size_t size() const { return outputs.samples; }
  uint64_t row(size_t record) const { return rows.empty() ? record : rows[record]; }
};

/// Where records are to be read from. Paths are those of read_array ("file.npz:key" too).
/// Either `outputs` is one file and `membership` says who is a member, or `outputs` is two files, members first, and
/// `membership` is empty.
struct RecordPaths {
  std::vector<std::string> outputs;
  std::vector<std::string> labels;  ///< None, or one for each of `outputs`.
  std::string membership;
  std::string groups;
  std::string ids;
  std::string features = {};
};
struct RecordOptions {
  std::optional<OutputForm> form;  ///< Detected when empty.
  OnNonfinite on_nonfinite = OnNonfinite::refuse;
  Holding holding = Holding::mapped;  ///< Of outputs: passing where those of many models are read.
};

/// Reads and checks: shapes and lengths agree, labels are in range, membership is 0/1/−1 with both sides present,
/// values are finite. Throws Error(input) naming file, row, finding and expectation. Cost: one read of the outputs;
/// they stay mapped where the file allows it.
Records read_records(const RecordPaths& paths, const RecordOptions& options, const Context& context);

/// Outputs with what reading them told.
struct LoadedOutputs {
  Outputs outputs;
  size_t rows = 0;                ///< Rows of the files, dropped ones included.
  std::vector<uint64_t> dropped;  ///< Rows left out as not finite, the files' rows counted through.
  std::vector<FileRecord> files;
  std::vector<Warning> warnings;
};
/// The outputs of one model from one or several files, as one sequence of records: the same checks.
LoadedOutputs read_outputs(const std::vector<std::string>& paths, const RecordOptions& options, const Context& context);
/// The same checks of an array that is already read. `source` names it in messages.
LoadedOutputs check_outputs(const Array& array, const std::string& source, const RecordOptions& options,
                            const Context& context);

/// Outputs of a known form that were read before: no value is.
LoadedOutputs unread_outputs(const std::string& path, OutputForm form, Holding holding);

/// One label a row, checked against `classes`. Integers, or .csv numbers that are whole.
std::vector<int32_t> read_labels(const std::string& path, size_t rows, const Outputs& outputs,
                                 std::vector<FileRecord>& files);
/// The same for records that a model is to learn; without `classes` any label below the number of rows will do.
std::vector<int32_t> read_class_labels(const std::string& path, size_t rows, const std::optional<size_t>& classes,
                                       std::vector<FileRecord>& files);
/// The same for a run, whose models may bring signals alone and so tell of no classes: held against a slip, since
/// figures by class take memory for each.
std::vector<int32_t> read_run_labels(const std::string& path, size_t rows, std::vector<FileRecord>& files);
/// bool, 0/1 integers, or int8 with −1 for unknown; anything else is refused.
std::vector<int8_t> read_membership(const std::string& path, std::vector<FileRecord>& files);
/// The same of several models, [models][records].
std::vector<int8_t> read_memberships(const std::string& path, size_t records, std::vector<FileRecord>& files);
/// Numbers of some of the records, ascending, each once; not none.
std::vector<uint32_t> read_indices(const std::string& path, size_t records, const std::string& role,
                                   std::vector<FileRecord>& files);
/// One finite number a row. Where membership is given and unknown, it may be NaN, as `audit --out` writes, and is read
/// as 0.
std::vector<double> read_scores(const std::string& path, std::vector<FileRecord>& files,
                                std::span<const int8_t> membership = {});

/// Finite numbers of any type and shape (rows, …), as [rows][columns].
struct Features {
  std::vector<float> values;
  size_t columns = 0;
};
Features read_features(const std::string& path, size_t rows, std::vector<FileRecord>& files);

/// The groups of `rows` records, numbered by first appearance, of integers or of a .csv's first column; `found`, where
/// not null, gets each number's name.
std::vector<int64_t> read_groups(const std::string& path, size_t rows, std::vector<FileRecord>& files,
                                 std::vector<std::string>* found = nullptr);

/// The groups and ids of `rows` records, as far as the paths name any. Throws Error(input) on another number of them.
void read_whose(const RecordPaths& paths, size_t rows, Records& records, std::vector<FileRecord>& files);

/// What else may be said of a file that holds one row more than the others: a header of numbers passes for a record.
std::string header_hint(const std::string& path, size_t found, size_t rows);

FileRecord describe_file(std::string role, const std::string& path, const Array& array);

}  // namespace miaudit
