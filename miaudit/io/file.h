#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace miaudit {

/// How a file's bytes are had. What is mapped changes with the file, and must not be cut short by somebody else while
/// it is in use: the system ends the process that reads the missing part. What is passing is mapped as well, and who
/// has read a part lets it pass (scratch.h), so that a file may be larger than the memory. A copy stays as it was read,
/// and takes its size in memory.
enum class Holding { mapped, passing, copied };

/// A file's bytes, read-only; copied where mapping is not to be had (a pipe). Throws Error(input) when the path is
/// missing or a directory, Error(io) when it cannot be read.
class FileBytes {
 public:
  static FileBytes open(const std::filesystem::path& path, Holding holding = Holding::mapped);
  std::span<const std::byte> bytes() const { return bytes_; }
  /// Keeps the bytes alive.
  const std::shared_ptr<const void>& owner() const { return owner_; }

 private:
  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
};

/// Throws Error(input), naming the file, where one that is mapped was written to since it was opened. A file that was
/// put in its place or removed changes nothing of what is mapped. Nothing for other owners. Cost: one call of the
/// system.
void check_unchanged(const std::shared_ptr<const void>& owner);

/// Whether a pipe is being opened or read just now, which takes as long as whoever writes it pleases. Safe in a
/// handler of signals.
bool is_waiting_for_a_pipe();

/// A file that appears whole or not at all: bytes go to a temporary file with a unique name beside `path`, which
/// commit() makes durable and renames over it. Destroyed before commit(), it leaves nothing. Mode 0600: what an audit
/// writes says who was in a training set. Devices and pipes are refused: the rename would put a file in their place.
/// Throws Error(io) naming the path and the system's reason.
class OutputFile {
 public:
  explicit OutputFile(std::filesystem::path path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  void commit();

 private:
  void flush();
  void write_through(std::span<const std::byte> bytes);

  std::filesystem::path path_;
  std::string temporary_;
  std::vector<std::byte> buffer_;
  int descriptor_ = -1;
};

/// Whether this is the temporary file of an OutputFile, by its name: one that was killed leaves it.
bool is_unfinished_file(const std::filesystem::path& path);

/// OutputFile in one call.
void write_file(const std::filesystem::path& path, std::string_view text);

/// Makes the directory and its parents (0700 for those it makes). Throws Error(io).
void make_directory(const std::filesystem::path& path);

/// Renames a directory to a place where there is none, durably. False where something stands there that is not an empty
/// directory. Throws Error(io).
bool rename_directory(const std::filesystem::path& from, const std::filesystem::path& to);

/// XXH3-128 of the bytes, as 32 hexadecimal digits: tells contents apart, proves nothing against a forger. Those of an
/// `owner` that holds them passing pass.
std::string content_hash(std::span<const std::byte> bytes, const std::shared_ptr<const void>& owner = {});

}  // namespace miaudit
