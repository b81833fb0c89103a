#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace miaudit {

/// Columns of the terminal that a report may fill.
inline constexpr size_t kWidth = 80;

/// Words on lines of at most kWidth columns, `indent` before every line but the first, `first` before that.
std::string wrapped(std::string_view text, std::string_view first, std::string_view indent);

struct TableRow {
  std::string name;
  std::vector<std::string> figures;
  bool is_apart = false;  ///< A line parts it from those above.
};
/// Names and figures below their heads; figures that do not fit side by side stand in further tables below, with the
/// names again.
std::string table(const TableRow& head, std::span<const TableRow> rows);

}  // namespace miaudit
