#include "cli/memory.h"

#include <malloc.h>
#include <sys/mman.h>

#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace miaudit::cli {
namespace {

constexpr std::size_t kHugePage = std::size_t{1} << 21, kLarge = std::size_t{1} << 18;

/// Only a wish: where the system has no huge pages to give, small ones do.
void ask_for_huge_pages(void* memory, std::size_t size) {
  const auto begin = reinterpret_cast<std::uintptr_t>(memory) / kHugePage * kHugePage;
  const auto end = reinterpret_cast<std::uintptr_t>(memory) + size;
  madvise(reinterpret_cast<void*>(begin), (end - begin + kHugePage - 1) / kHugePage * kHugePage, MADV_HUGEPAGE);
}

}  // namespace

void keep_freed_memory() {
  // No other thread runs yet. NOLINTBEGIN(concurrency-mt-unsafe)
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  mallopt(M_ARENA_MAX, 1);
  // NOLINTEND(concurrency-mt-unsafe)
}

}  // namespace miaudit::cli

void* operator new(std::size_t size) {
  for (;;) {
    if (void* const memory = std::malloc(size > 0 ? size : 1)) {
      if (size >= miaudit::cli::kLarge) miaudit::cli::ask_for_huge_pages(memory, size);
      return memory;
    }
    const std::new_handler make_room = std::get_new_handler();
    if (!make_room) throw std::bad_alloc();
    make_room();
  }
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
