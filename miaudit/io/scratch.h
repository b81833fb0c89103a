#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "miaudit/io/array.h"

namespace miaudit {

/// Room for numbers, whatever it holds at first: memory, or a file without a name in $TMPDIR (/var/tmp where that is
/// not set), whose pages need not stay in memory and which is gone with the process. Throws Error(io) where the disk
/// has no room.
class Scratch {
 public:
  Scratch(size_t count, bool on_disk);
  std::span<double> values() { return values_; }
  std::span<const double> values() const { return values_; }
  bool is_on_disk() const { return on_disk_; }
  /// Lets go of the pages in memory; the numbers stay. Nothing for numbers that are not on disk.
  void release() const;

 private:
  std::shared_ptr<void> owner_;
  std::span<double> values_;
  bool on_disk_;
};

/// Lets go of the memory that a mapped file's elements take until they are next read. Nothing for other arrays.
void release_pages(const Array& array);

/// Lets go of the memory that bytes of a file that is held passing take, when they have been read. Nothing for other
/// owners.
void let_pass(const std::shared_ptr<const void>& owner, std::span<const std::byte> bytes);

}  // namespace miaudit
