#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <string>

#include "miaudit/io/formats.h"
#include "miaudit/io/json.h"

/// What each fuzzer does with its bytes, shared with tests/io/corpus_test.cc. An Error other than internal is a fine
/// answer to hostile bytes; anything else that leaves these functions is a bug.
namespace miaudit {

inline void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

/// Runs `parse`; true when it accepted the bytes.
template <class Parse>
bool accepts(Parse&& parse) {
  try {
    parse();
    return true;
  } catch (const Error& error) {
    require(error.category() != Category::internal, error.what());
    return false;
  }
}

inline bool same_array(const Array& a, const Array& b) {
  return a.type() == b.type() && a.shape() == b.shape() && a.bytes().size() == b.bytes().size() &&
         (a.bytes().empty() || std::memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()) == 0);
}

/// Writing and parsing `array` gives it back: as a copy, and as a view of the written bytes.
inline void check_npy_round_trip(const Array& array) {
  const std::string header = npy_header(array.type(), array.shape());
  require(header.size() % 64 == 0, "data would not be aligned");
  const size_t size = header.size() + array.bytes().size();
  const std::shared_ptr<void> file(std::aligned_alloc(64, (size + 63) / 64 * 64), std::free);
  auto* begin = static_cast<std::byte*>(file.get());
  std::memcpy(begin, header.data(), header.size());
  if (!array.bytes().empty()) std::memcpy(begin + header.size(), array.bytes().data(), array.bytes().size());
  require(same_array(array, parse_npy({begin, size}, nullptr, "copied")), "a copy differs");
  const Array viewed = parse_npy({begin, size}, file, "viewed");
  require(same_array(array, viewed), "a view differs");
  require(viewed.bytes().data() == begin + header.size(), "an aligned native array was copied");
}

inline void fuzz_npy(std::span<const std::byte> bytes) {
  Array array;
  if (!accepts([&] { array = parse_npy(bytes, nullptr, "input"); })) return;
  check_npy_round_trip(array);
  // The same bytes, viewed where that can be.
  const std::shared_ptr<const void> borrowed(bytes.data(), [](const void*) {});
  require(same_array(array, parse_npy(bytes, borrowed, "input")), "viewed and copied arrays differ");
}

inline void fuzz_npz(std::span<const std::byte> bytes) {
  std::vector<NamedArray> arrays;
  if (!accepts([&] { arrays = parse_npz(bytes, nullptr, "input"); })) return;
  for (const NamedArray& named : arrays) check_npy_round_trip(named.array);
}

inline void fuzz_idx(std::span<const std::byte> bytes) {
  Array array;
  if (accepts([&] { array = parse_idx(bytes, "input"); })) check_npy_round_trip(array);
}

inline void fuzz_csv(std::span<const std::byte> bytes) {
  CsvTable table;
  if (!accepts([&] { table = parse_csv(bytes, "input"); })) return;
  require(table.columns > 0 && table.cells.size() % table.columns == 0, "cells do not fill the table");
  require(table.header.empty() || table.header.size() == table.columns, "the header has another width");
  accepts([&] { require(numbers(table, "input").size() == table.cells.size(), "numbers were lost"); });
  // Every cell in quotes, as RFC 4180 has it.
  std::string written;
  for (size_t i = 0; i < table.cells.size(); ++i) {
    written += '"';
    for (const char c : table.cells[i]) written += c == '"' ? std::string("\"\"") : std::string(1, c);
    written += (i + 1) % table.columns == 0 ? "\"\r\n" : "\",";
  }
  if (written.empty()) return;
  const CsvTable again = parse_csv(std::as_bytes(std::span(written)), "written", {',', CsvHeader::absent});
  require(again.columns == table.columns && again.cells == table.cells, "a written table reads differently");
}

inline void fuzz_json(std::span<const std::byte> bytes) {
  nlohmann::json value;
  if (!accepts([&] { value = parse_json(bytes, "input"); })) return;
  const std::string written = value.dump();
  require(parse_json(std::as_bytes(std::span(written)), "written") == value, "a written value reads differently");
}

}  // namespace miaudit
