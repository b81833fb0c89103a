#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "miaudit/io/file.h"
#include "miaudit/io/formats.h"
#include "miaudit/io/number.h"
#include "miaudit/io/raw.h"

namespace miaudit {
namespace {

/// Splits text into records, one per call. Lines end with LF, CRLF or CR.
class RecordReader {
 public:
  RecordReader(std::string_view text, char separator, const std::string& name)
      : text_(text), separator_(separator), name_(name) {}

  bool at_end() const { return at_ == text_.size(); }
  /// The line on which the last record began, from 1.
  size_t line() const { return record_line_; }
  /// Was the last record an empty line?
  bool blank() const { return blank_; }

  /// Appends the next record's cells and returns their number.
  size_t read(std::vector<std::string>& cells) {
    record_line_ = line_;
    const size_t begin = at_;
    size_t count = 0;
    for (bool more = true; more; ++count) {
      cells.push_back(at_ < text_.size() && text_[at_] == '"' ? quoted_cell() : plain_cell());
      more = at_ < text_.size() && text_[at_] == separator_;
      at_ += more;
    }
    blank_ = at_ == begin;
    end_line();
    return count;
  }

 private:
  bool is_end(char c) const { return c == separator_ || c == '\n' || c == '\r'; }

  std::string plain_cell() {
    const size_t begin = at_;
    while (at_ < text_.size() && !is_end(text_[at_])) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string quoted_cell() {
    const size_t opened = line_;
    std::string cell;
    for (++at_;; ++at_) {
      if (at_ == text_.size()) fail(Category::input, "{}, line {}: a quote is opened and never closed", name_, opened);
      if (text_[at_] == '"') {
        if (at_ + 1 == text_.size() || text_[at_ + 1] != '"') break;
        ++at_;
      } else {
        line_ += text_[at_] == '\n' || (text_[at_] == '\r' && !text_.substr(at_).starts_with("\r\n"));
      }
      cell += text_[at_];
    }
    ++at_;
    if (at_ < text_.size() && !is_end(text_[at_]))
      fail(Category::input, "{}, line {}: text follows a closing quote; double the quotes inside a cell", name_, line_);
    return cell;
  }

  void end_line() {
    if (at_ == text_.size()) return;
    at_ += text_.substr(at_).starts_with("\r\n") ? 2 : 1;
    ++line_;
  }

  std::string_view text_;
  char separator_;
  const std::string& name_;
  size_t at_ = 0, line_ = 1, record_line_ = 1;
  bool blank_ = false;
};

/// How often each candidate stands outside quotes, in each of the first records.
using Counts = std::array<size_t, 4>;
constexpr std::string_view kSeparators = "\t;|,";

std::vector<Counts> count_separators(std::string_view text) {
  constexpr size_t kSample = 100;
  std::vector<Counts> records;
  Counts counts{};
  bool in_quotes = false, blank = true;
  const auto end_record = [&] {
    if (!blank) records.push_back(counts);
    counts = {};
    blank = true;
  };
  for (const char c : text) {
    if (records.size() == kSample) return records;
    if (c == '"') in_quotes = !in_quotes;
    if (!in_quotes && (c == '\n' || c == '\r')) {
      end_record();
      continue;
    }
    blank = false;
    if (const size_t candidate = kSeparators.find(c); !in_quotes && candidate != std::string_view::npos)
      ++counts[candidate];
  }
  end_record();
  return records;
}

char detect_separator(std::string_view text) {
  const std::vector<Counts> records = count_separators(text);
  if (records.empty()) return ',';
  for (size_t candidate = 0; candidate < kSeparators.size(); ++candidate) {
    const size_t first = records[0][candidate];
    if (first > 0 &&
        std::all_of(records.begin(), records.end(), [&](const Counts& c) { return c[candidate] == first; }))
      return kSeparators[candidate];
  }
  // None is even: the most frequent one makes the message about the ragged row say the most.
  const auto most = std::max_element(records[0].begin(), records[0].end());
  return *most == 0 ? ',' : kSeparators[static_cast<size_t>(most - records[0].begin())];
}

/// A number, or True or False as programs write flags.
std::optional<double> parse_value(std::string_view cell) {
  if (cell == "True" || cell == "true" || cell == "TRUE") return 1;
  if (cell == "False" || cell == "false" || cell == "FALSE") return 0;
  return parse_number(cell);
}

/// 0, 1, 2, … as pandas names columns that have no name, above numbers that all have a decimal point: among whole
/// numbers they may as well be a record.
bool counts_columns(std::span<const std::string> first, std::span<const std::string> below) {
  for (size_t k = 0; k < first.size(); ++k)
    if (first[k] != std::to_string(k)) return false;
  return std::ranges::all_of(
      below, [](const std::string& cell) { return is_missing(cell) || cell.find_first_of(".e") != std::string::npos; });
}

/// Is the first row a header? Rows are [columns] strings each.
bool detect_header(std::span<const std::string> cells, size_t columns) {
  if (cells.size() < 2 * columns) return false;
  const auto first = cells.first(columns), second = cells.subspan(columns, columns);
  if (counts_columns(first, cells.subspan(columns))) return true;
  return std::none_of(first.begin(), first.end(), [](const auto& c) { return parse_value(c) || is_missing(c); }) &&
         std::any_of(second.begin(), second.end(), [](const auto& c) { return parse_value(c).has_value(); });
}

void check_text(std::string_view text, const std::string& name) {
  if (text.empty()) fail(Category::input, "{} is empty; expected rows of text", name);
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
    fail(Category::unsupported, "{} is UTF-16 text; save it as UTF-8", name);
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos)
    fail(Category::input, "{}, line {}: a NUL byte; this is binary or UTF-16, expected UTF-8 text", name,
         1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(nul), '\n'));
}

}  // namespace

CsvTable parse_csv(std::span<const std::byte> bytes, const std::string& name, const CsvOptions& options) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  check_text(text, name);
  if (options.separator && (*options.separator == '"' || *options.separator == '\n' || *options.separator == '\r'))
    fail(Category::config, "a quote or line end cannot separate columns");

  CsvTable table;
  RecordReader reader(text, options.separator.value_or(detect_separator(text)), name);
  size_t blank_line = 0;
  while (!reader.at_end()) {
    const size_t before = table.cells.size();
    const size_t count = reader.read(table.cells);
    if (reader.blank()) {
      table.cells.resize(before);
      if (blank_line == 0) blank_line = reader.line();
      continue;
    }
    // Blank lines may end a file; between rows one may stand for a record, and rows must keep their numbers.
    if (blank_line != 0)
      fail(Category::input, "{}, line {}: an empty line among the rows; remove or fill it", name, blank_line);
    if (table.columns == 0) table.columns = count;
    if (count != table.columns)
      fail(Category::input, "{}, line {}: {} where the first row has {}; give every row the same", name, reader.line(),
           counted(count, "column"), table.columns);
  }
  if (table.columns == 0) fail(Category::input, "{} holds only empty lines; expected rows of text", name);
  if (options.header == CsvHeader::present ||
      (options.header == CsvHeader::detect && detect_header(table.cells, table.columns))) {
    const auto end = table.cells.begin() + static_cast<std::ptrdiff_t>(table.columns);
    table.header.assign(std::move_iterator(table.cells.begin()), std::move_iterator(end));
    table.cells.erase(table.cells.begin(), end);
  }
  return table;
}

CsvTable read_csv(const std::filesystem::path& path, const CsvOptions& options) {
  return parse_csv(FileBytes::open(path).bytes(), path.string(), options);
}

void refuse_index(const CsvTable& table, const std::string& name) {
  constexpr size_t kFewest = 4;
  const size_t rows = table.rows();
  if (table.columns < 2) return;
  const bool is_unnamed = table.header.empty() ? is_missing(table.cells.front()) && rows > 1 &&
                                                     parse_value(table.cells[table.columns]).has_value()
                                               : is_missing(table.header.front());
  if (is_unnamed)
    fail(Category::input, "{}: the first column has no name, as that of an index; save it without (index=False)", name);
  if (rows < kFewest) return;
  for (const double from : {0.0, 1.0}) {
    size_t row = 0;
    while (row < rows && parse_number(table.cells[row * table.columns]) == from + static_cast<double>(row)) ++row;
    if (row == rows)
      fail(Category::input,
           "{}: the first column{} counts the rows from {}, as an index does, and would be taken for values of the "
           "records; save it without (index=False)",
           name, table.header.empty() ? "" : fmt::format(", {},", printable(table.header.front())), from);
  }
}

Array numbers(const CsvTable& table, const std::string& name) {
  refuse_index(table, name);
  std::vector<double> values;
  values.reserve(table.cells.size());
  for (size_t i = 0; i < table.cells.size(); ++i) {
    const std::optional<double> value = parse_value(table.cells[i]);
    if (!value && table.header.empty() && table.rows() == 1 &&
        std::ranges::none_of(table.cells, [](const auto& cell) { return parse_value(cell).has_value(); }))
      fail(Category::input, "{} holds one row, of names ({}, …), and no numbers; expected a row a record", name,
           printable(table.cells.front()));
    if (!value) {
      const size_t column = i % table.columns;
      const std::string title = table.header.empty() ? "" : " (" + printable(table.header[column]) + ")";
      fail(Category::input,
           "{}, row {}, column {}{}: {} is not a number that float64 can hold; expected numbers "
           "alone, below one heading or none, with one separator throughout, and nan where one is missing",
           name, grouped(i / table.columns + 1), column + 1, title, printable(table.cells[i]));
    }
    values.push_back(*value);
  }
  std::vector<size_t> shape = {table.rows()};
  if (table.columns > 1) shape.push_back(table.columns);
  return Array::from(std::move(values), std::move(shape));
}

}  // namespace miaudit
