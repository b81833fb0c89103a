#pragma once

#define ZLIB_CONST
#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace miaudit {

/// The most bytes that one byte of deflated data can stand for (zlib's technical notes): a larger declared size is a
/// lie.
inline constexpr size_t kMostExpansion = 1032;

/// Room for what a file unpacks to. memory: bytes of this machine's, of which it may take a half, or nothing would be
/// left to audit with; so no small file fills a machine. Throws Error(input).
uint64_t machine_memory();
std::shared_ptr<std::byte> room_to_unpack(size_t size, const std::string& name, uint64_t memory = machine_memory());

/// Deflated bytes, unpacked only as far as they are asked for. Errors name `name`.
class Inflater {
 public:
  enum class Wrapping { none, gzip };  ///< gzip: any number of members, one after the other, checksums verified.

  Inflater(std::span<const std::byte> packed, Wrapping wrapping, const std::string& name);
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Fills `out`. Throws Error(input) when the data are corrupt or end before.
  void read(std::span<std::byte> out);
  /// Throws Error(input) unless all has been read.
  void expect_end();

 private:
  size_t read_some(std::span<std::byte> out);
  bool next_member();

  std::span<const std::byte> packed_;
  Wrapping wrapping_;
  std::string name_;
  z_stream stream_{};
  bool ended_ = false;
};

}  // namespace miaudit
