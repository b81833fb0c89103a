#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "miaudit/io/array.h"
#include "miaudit/io/file.h"

namespace miaudit {

/// Every parser below takes bytes as hostile: sizes are checked for overflow and against the file's length before
/// anything is allocated. All throw Error(input) that names the file, what was found and what was expected,
/// Error(unsupported) for a format's legal but unread corners, Error(io) when reading fails.

/// NumPy's .npy, versions 1.0 to 3.0: bool, int8–64, uint8–64, float16/32/64, either byte order, C or Fortran order.
/// Native, C-ordered and aligned files are memory-mapped; others are converted. Object arrays are refused: they are
/// pickles, which can run code. `name` stands in messages. `owner` keeps `bytes` alive; without one they are copied.
Array parse_npy(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, const std::string& name);
Array read_npy(const std::filesystem::path& path, Holding holding = Holding::mapped);
/// The header (version 1.0, data aligned to 64 bytes) that goes before the row-major elements.
std::string npy_header(ElementType type, const std::vector<size_t>& shape);
void write_npy(const std::filesystem::path& path, const Array& array);

/// NumPy's .npz: a zip archive (stored or deflated, zip64 too) of .npy members, in the archive's order.
struct NamedArray {
  std::string name;
  Array array;
};
std::vector<NamedArray> parse_npz(std::span<const std::byte> bytes, const std::shared_ptr<const void>& owner,
                                  const std::string& name);
std::vector<NamedArray> read_npz(const std::filesystem::path& path);
enum class Compression { stored, deflated };
void write_npz(const std::filesystem::path& path, const std::vector<NamedArray>& arrays, Compression compression);

/// The .idx and .idx.gz of MNIST (uint8, int8, int16, int32, float32, float64; big-endian). Gzip is told by its first
/// bytes.
Array parse_idx(std::span<const std::byte> bytes, const std::string& name);
Array read_idx(const std::filesystem::path& path);

/// Comma-, semicolon-, tab- or '|'-separated text: the separator and whether there is a header are found out unless
/// given. RFC 4180 quotes, CRLF, a byte-order mark and a missing last newline are all read; ragged rows are refused by
/// number. The separator found is the first of tab, ';', '|' and ',' that stands equally often in each of the first
/// records (a comma comes last: it may be a decimal sign). A header is found where no cell of the first record is a
/// number or missing and some cell of the second is a number; a table of text alone has one only if it is said.
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
/// All cells as float64, shape (rows, columns), or (rows) for a single column. A cell that is no number (nan and inf
/// are) is refused with its row, counted from 1 without the header, and column.
Array numbers(const CsvTable& table, const std::string& name);

/// Whether a file of this name is read as text: .csv, .tsv or .txt, in capitals too.
bool is_text_file(const std::string& path);
/// Refuses what pandas writes before the columns unless it is told not to: a first column without a name, or one that
/// counts the rows from 0 or 1.
void refuse_index(const CsvTable& table, const std::string& name);

/// One array from any of the formats above, told by the file's first bytes and, for .csv, .tsv and .txt, by its name.
/// "file.npz:key" picks a member of an archive and reads no other; an archive of one needs no key. A file whose own
/// name holds the colon goes first. Pickles, PyTorch checkpoints, HDF5, Parquet and the like are refused with advice.
Array read_array(const std::string& path_and_key, Holding holding = Holding::mapped);
/// Which file that reads.
std::string file_of(const std::string& path_and_key);

}  // namespace miaudit
