#include "miaudit/report/records_csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "miaudit/io/file.h"

namespace miaudit {
namespace {

// A cell that a spreadsheet reads as text and not as a formula or as several cells.
std::string quoted(const std::string& text) {
  std::string cell = "\"";
  if (!text.empty() && std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos) cell += '\'';
  for (const char c : text) {
    if (c == '"') cell += '"';
    cell += c;
  }
  return cell + '"';
}

/// Numbers as they are, anything else quoted.
std::string as_cell(const std::string& text) {
  const bool is_number = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  return is_number ? text : quoted(text);
}

std::string header(const RecordColumns& columns) {
  std::string line = "row,rank";
  if (!columns.ids.empty()) line += ",id";
  line += ",membership";
  if (!columns.labels.empty()) line += ",label";
  if (!columns.groups.empty()) line += ",group";
  for (const std::string& attack : columns.attacks) line += ',' + attack;
  for (size_t v = 0; v < columns.outputs; ++v) line += fmt::format(",output_{}", v);
  return line + '\n';
}

}  // namespace

void write_records_csv(const std::filesystem::path& path, const RecordColumns& columns, size_t order_by) {
  const std::span<const double> key = columns.scores[order_by];
  std::vector<uint32_t> order(key.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return std::isnan(key[b]) ? !std::isnan(key[a]) : key[a] > key[b];  // without a score: last
  });

  OutputFile file(path);
  file.write(header(columns));
  fmt::memory_buffer line;
  size_t first = 0, last = 0;  // of those that score as this one does
  for (size_t place = 0; place < order.size(); ++place) {
    const uint32_t i = order[place];
    if (place >= last) {
      first = last;
      while (last < order.size() && (key[order[last]] == key[i] || last == place)) ++last;
    }
    line.clear();
    const auto to = std::back_inserter(line);
    fmt::format_to(to, "{},", columns.rows.empty() ? uint64_t{i} : columns.rows[i]);
    if (!std::isnan(key[i])) fmt::format_to(to, "{}", 0.5 * static_cast<double>(first + 1 + last));
    if (!columns.ids.empty()) fmt::format_to(to, ",{}", quoted(columns.ids[i]));
    fmt::format_to(to, ",{}", static_cast<int>(columns.membership[i]));
    if (!columns.labels.empty()) fmt::format_to(to, ",{}", columns.labels[i]);
    if (!columns.groups.empty()) fmt::format_to(to, ",{}", as_cell(columns.groups[i]));
    for (const std::span<const double> scores : columns.scores)
      std::isnan(scores[i]) ? fmt::format_to(to, ",") : fmt::format_to(to, ",{}", scores[i]);
    for (size_t v = 0; v < columns.outputs; ++v) fmt::format_to(to, ",{}", columns.output(i, v));
    line.push_back('\n');
    file.write(std::string_view(line.data(), line.size()));
  }
  file.commit();
}

void write_exposure_csv(const std::filesystem::path& path, const Exposure& exposure, std::span<const int32_t> labels) {
  OutputFile file(path);
  const bool has_ids = !exposure.records.empty() && !exposure.records.front().id.empty();
  std::string header = fmt::format("row,rank{}{},trained", has_ids ? ",id" : "", labels.empty() ? "" : ",label");
  for (const ExposureRate& rate : exposure.rates)
    header += fmt::format(",found_at_{0},low_at_{0},high_at_{0}", rate.fpr);
  file.write(header + ",separation\n");
  fmt::memory_buffer line;
  for (const ExposedRecord& record : exposure.records) {
    line.clear();
    const auto to = std::back_inserter(line);
    fmt::format_to(to, "{},{}", record.record, record.rank);
    if (has_ids) fmt::format_to(to, ",{}", quoted(record.id));
    if (!labels.empty()) fmt::format_to(to, ",{}", labels[record.record]);
    fmt::format_to(to, ",{}", record.trained);
    for (const FoundShare& share : record.found) fmt::format_to(to, ",{},{},{}", share.count, share.low, share.high);
    fmt::format_to(to, ",{}\n", record.separation);
    file.write(std::string_view(line.data(), line.size()));
  }
  file.commit();
}

}  // namespace miaudit
