#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <filesystem>

namespace miaudit {

/// What ends a mapping when its last owner goes; an owner that holds one is a mapping.
struct Unmap {
  size_t bytes;
  bool is_passing = false;          ///< Holding::passing
  std::filesystem::path path = {};  ///< Of a file that is not ours; "" of others.
  struct stat opened = {};          ///< What it was then.
  void operator()(void* start) const;
};

}  // namespace miaudit
