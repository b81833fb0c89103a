#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "miaudit/io/array.h"

namespace miaudit {

/// The most axes an array may have, NumPy's own limit.
inline constexpr size_t kMaxDims = 32;

/// The unsigned integer at bytes[at …], which the caller has checked to be there.
template <class T>
T load_little(std::span<const std::byte> bytes, size_t at) {
  T value = 0;
  for (size_t i = sizeof(T); i-- > 0;)
    value = static_cast<T>(uint64_t{value} << 8 | static_cast<uint8_t>(bytes[at + i]));
  return value;
}
template <class T>
T load_big(std::span<const std::byte> bytes, size_t at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i)
    value = static_cast<T>(uint64_t{value} << 8 | static_cast<uint8_t>(bytes[at + i]));
  return value;
}

bool starts_with(std::span<const std::byte> bytes, std::string_view prefix);

/// Whether all of it is UTF-8, which JSON must be.
bool is_utf8(std::string_view text);

/// Bytes that a file holds as UTF-8: control characters, so that a hostile file cannot steer the terminal, and bytes
/// that are no UTF-8 escaped as \xNN, and cut after `longest` characters.
std::string escaped(std::string_view text, size_t longest = 60);
/// The same of each of its lines, none cut: for the terminal.
std::string escaped_lines(std::string_view text);
/// The same in quotes.
std::string printable(std::string_view text, size_t longest = 60);

/// Uninitialised memory, aligned for any element.
std::shared_ptr<std::byte> allocate_bytes(size_t size);

/// How the elements of an array lie in a file.
struct RawLayout {
  ElementType type = ElementType::float64;
  std::vector<size_t> shape;
  bool big_endian = false;
  bool column_major = false;
};

/// Bytes of all elements. Empty when that passes what a signed 64-bit number holds, with axes of length 0 counted as 1:
/// no partial product of such a shape overflows either.
std::optional<size_t> byte_count(ElementType type, const std::vector<size_t>& shape);

/// The array whose elements `data` holds, byte_count() of them: a view of `data` where its layout is this machine's and
/// `owner` is given, otherwise a copy. Throws Error(input) for a boolean that is neither 0 nor 1.
Array native_array(RawLayout layout, std::span<const std::byte> data, std::shared_ptr<const void> owner,
                   const std::string& name);

}  // namespace miaudit
