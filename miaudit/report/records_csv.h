#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "miaudit/audit/result.h"

namespace miaudit {

/// What records.csv shows of each record; empty spans leave their column out.
struct RecordColumns {
  std::span<const uint64_t> rows;  ///< Row in the input; empty: the record's index.
  std::span<const std::string> ids;
  std::span<const int8_t> membership;
  std::span<const int32_t> labels;
  std::span<const std::string> groups;
  std::vector<std::string> attacks;
  std::vector<std::span<const double>> scores;  ///< One for each of `attacks`, one score a record.
  size_t outputs = 0;  ///< Output values a record to show (only on the user's express wish); 0 for none.
  std::function<double(size_t record, size_t value)> output;
};

/// Writes every record, the highest score of attack `order_by` first (equal scores in the input's order). Mode 0600.
void write_records_csv(const std::filesystem::path& path, const RecordColumns& columns, size_t order_by);

/// Writes how often each record was found under several targets, the most exposed first. labels: by record, or empty.
/// Mode 0600.
void write_exposure_csv(const std::filesystem::path& path, const Exposure& exposure, std::span<const int32_t> labels);

}  // namespace miaudit
