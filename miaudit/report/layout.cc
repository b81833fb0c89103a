#include "miaudit/report/layout.h"

#include <algorithm>
#include <cctype>

namespace miaudit {
namespace {

constexpr size_t kNameWidth = 18;
constexpr size_t kFigureWidth = 21;
constexpr size_t kFiguresAcross = 3;

/// Columns that a text fills: its code points, which are all single-width here.
size_t width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string padded(std::string text, size_t columns) {
  if (width(text) < columns) text.append(columns - width(text), ' ');
  return text;
}

std::string rule() {
  return std::string(kWidth, '-') + '\n';
}

void add_line(std::string& text, const TableRow& row, size_t first) {
  // A name that leaves no room has a line to itself.
  std::string line =
      width(row.name) < kNameWidth ? padded(row.name, kNameWidth) : row.name + '\n' + padded("", kNameWidth);
  for (size_t f = first; f < std::min(first + kFiguresAcross, row.figures.size()); ++f)
    line += padded(row.figures[f], kFigureWidth);
  line.erase(line.find_last_not_of(' ') + 1);
  text += line + '\n';
}

}  // namespace

std::string wrapped(std::string_view text, std::string_view first, std::string_view indent) {
  std::string lines(first);
  size_t column = width(first);
  bool line_is_empty = true;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find(' ', begin), text.size());
    // A space between digits parts thousands.
    while (end > begin && end + 1 < text.size() && std::isdigit(text[end - 1]) && std::isdigit(text[end + 1]))
      end = std::min(text.find(' ', end + 1), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    begin = end + 1;
    if (word.empty()) continue;
    if (!line_is_empty && column + 1 + width(word) > kWidth) {
      lines += '\n';
      lines += indent;
      column = width(indent);
      line_is_empty = true;
    }
    if (!line_is_empty) {
      lines += ' ';
      ++column;
    }
    lines += word;
    column += width(word);
    line_is_empty = false;
  }
  return lines + '\n';
}

std::string table(const TableRow& head, std::span<const TableRow> rows) {
  std::string text;
  for (size_t first = 0; first < head.figures.size(); first += kFiguresAcross) {
    if (first > 0) text += '\n';
    add_line(text, head, first);
    text += rule();
    for (const TableRow& row : rows) {
      if (row.is_apart) text += rule();
      add_line(text, row, first);
    }
  }
  return text;
}

}  // namespace miaudit
