#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "miaudit/io/file.h"
#include "miaudit/io/formats.h"

namespace miaudit {

/// The CRC-32 that zip uses, of what went before and then `bytes`.
uint32_t crc32_of(std::span<const std::byte> bytes, uint32_t before = 0);

/// A member of a zip archive, as its central directory lists it, checked to lie inside the archive and apart from all
/// others, and to declare a size that its packed bytes can reach.
struct ZipMember {
  std::string name;
  bool deflated = false;
  uint32_t crc = 0;
  size_t size = 0;
  std::span<const std::byte> packed;
};
/// In the directory's order. Reads no member's data.
std::vector<ZipMember> zip_members(std::span<const std::byte> bytes, const std::string& name);

/// The same, with ".npy" taken off the names. Refuses archives of other things, a PyTorch checkpoint by name.
std::vector<ZipMember> npz_members(std::span<const std::byte> bytes, const std::string& name);
/// Refuses a .npy of `total` bytes, of which these are the first, whose header says another size.
void check_npy_header(std::span<const std::byte> first, size_t total, const std::string& name);
/// Unpacks one member, checks its CRC and reads it. `owner` keeps the archive's bytes alive; `name` is the archive's.
Array npz_array(const ZipMember& member, std::shared_ptr<const void> owner, const std::string& name);

/// From this many bytes on, sizes and offsets are written as zip64; a little under 4 GiB, for deflate may add to a
/// size.
inline constexpr uint64_t kZip64From = 0xF0000000;
void write_npz(OutputFile& file, const std::vector<NamedArray>& arrays, Compression compression,
               uint64_t zip64_from = kZip64From);

}  // namespace miaudit
