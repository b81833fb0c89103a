#include "miaudit/base/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace miaudit {

void parallel_blocks(size_t count, size_t block, const Context& context,
                     const std::function<void(size_t, size_t)>& body) {
  if (block == 0) fail(Category::internal, "parallel_blocks: a block of 0 elements");
  const size_t blocks = count / block + (count % block != 0);
  const auto run_block = [&](size_t k) {
    context.check();
    body(k * block, std::min(count, (k + 1) * block));
  };
  const size_t threads = std::min<size_t>(std::max(context.threads, 1), blocks);
  if (threads <= 1) {
    for (size_t k = 0; k < blocks; ++k) run_block(k);
    return;
  }

  std::atomic<size_t> next{0};
  std::mutex failure_mutex;
  std::exception_ptr failure;
  size_t failed_block = blocks;
  const auto work = [&] {
    for (size_t k; (k = next.fetch_add(1)) < blocks;) {
      try {
        run_block(k);
      } catch (...) {
        const std::lock_guard lock(failure_mutex);
        if (k < failed_block) {
          failed_block = k;
          failure = std::current_exception();
        }
        // Blocks below k are already taken and will report themselves; nothing above k is worth starting.
        next.store(blocks);
      }
    }
  };
  std::vector<std::thread> team;
  team.reserve(threads - 1);
  try {
    for (size_t t = 1; t < threads; ++t) team.emplace_back(work);
  } catch (const std::system_error&) {
    // The system gave fewer threads than asked for; those that started, and this one, do all the work.
  }
  work();
  for (std::thread& thread : team) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace miaudit
