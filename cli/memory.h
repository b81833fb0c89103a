#pragma once

#include <malloc.h>

#include <climits>

namespace miaudit::cli {

/// Lets the process keep the memory that it gives back, for the next array. An audit takes and gives back arrays of one
/// size over and over; asking the system for their pages each time takes a fifth of the whole, and most of it on a
/// virtual machine whose page faults are dear. One arena, since another thread's freed memory would be asked for anew.
/// For a program of our own, before its first thread; a library has no say in its host's memory.
inline void keep_freed_memory() {
  // No other thread runs yet. NOLINTBEGIN(concurrency-mt-unsafe)
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  mallopt(M_ARENA_MAX, 1);
  // NOLINTEND(concurrency-mt-unsafe)
}

}  // namespace miaudit::cli
