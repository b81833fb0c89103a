#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "miaudit/io/array.h"

namespace miaudit {

/// Every parser below takes bytes as hostile: sizes are checked for overflow and against the file's length before anything
/// is allocated. All throw Error(input) that names the file, what was found and what was expected, Error(unsupported) for
/// a format's legal but unread corners, Error(io) when reading fails.

/// NumPy's .npy, versions 1.0 to 3.0: bool, int8–64, uint8–64, float16/32/64, either byte order, C or Fortran order.
/// Native, C-ordered and aligned files are memory-mapped; others are converted. Object arrays are refused: they are
/// pickles, which can run code. `name` stands in messages.
Array parse_npy(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, const std::string& name);
Array read_npy(const std::filesystem::path& path);
/// The header (version 1.0, data aligned to 64 bytes) that goes before the row-major elements.
std::string npy_header(ElementType type, const std::vector<size_t>& shape);
void write_npy(const std::filesystem::path& path, const Array& array);

/// NumPy's .npz: a zip archive (stored or deflated, zip64 too) of .npy members, in the archive's order.
struct NamedArray {
  std::string name;
  Array array;
};
std::vector<NamedArray> parse_npz(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                                  const std::string& name);
std::vector<NamedArray> read_npz(const std::filesystem::path& path);
enum class Compression { stored, deflated };
void write_npz(const std::filesystem::path& path, const std::vector<NamedArray>& arrays, Compression compression);

/// MNIST's .idx and .idx.gz (uint8, int8, int16, int32, float32, float64; big-endian). Gzip is told by its first bytes.
Array parse_idx(std::span<const std::byte> bytes, const std::string& name);
Array read_idx(const std::filesystem::path& path);

/// Comma-, semicolon-, tab- or '|'-separated text: the separator and whether there is a header are found out unless given.
/// RFC 4180 quotes, CRLF, a byte-order mark and a missing last newline are all read; ragged rows are refused by number.
enum class CsvHeader { detect, present, absent };
struct CsvOptions {
  std::optional<char> separator;
  CsvHeader header = CsvHeader::detect;
};
struct CsvTable {
  std::vector<std::string> header;  ///< Empty when the file has none.
  size_t columns = 0;
  std::vector<std::string> cells;  ///< [rows][columns]
  size_t rows() const { return columns ? cells.size() / columns : 0; }
};
CsvTable parse_csv(std::span<const std::byte> bytes, const std::string& name, const CsvOptions& options = {});
CsvTable read_csv(const std::filesystem::path& path, const CsvOptions& options = {});
/// All cells as float64, shape (rows, columns), or (rows) for a single column. A cell that is no number (nan and inf are)
/// is refused with its row and column.
Array numbers(const CsvTable& table, const std::string& name);

/// One array from any of the formats above, told by the file's first bytes and, for .csv, by its name.
/// "file.npz:key" picks a member of an archive; an archive of one needs no key. Numbers only.
Array read_array(const std::string& path_and_key);

}  // namespace miaudit
