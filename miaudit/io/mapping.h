#pragma once

#include <cstddef>

namespace miaudit {

/// What ends a mapping when its last owner goes; an owner that holds one is a mapping.
struct Unmap {
  size_t bytes;
  bool is_passing = false;  ///< Holding::passing
  void operator()(void* start) const;
};

}  // namespace miaudit
