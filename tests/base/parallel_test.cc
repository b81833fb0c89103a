#include "miaudit/base/parallel.h"

#include <gtest/gtest.h>

#include <vector>

namespace miaudit {
namespace {

Context with_threads(int threads) {
  Context context;
  context.threads = threads;
  return context;
}

TEST(ParallelBlocks, VisitsEveryElementOnce) {
  for (const size_t count : {size_t{0}, size_t{1}, size_t{7}, size_t{1000}}) {
    std::vector<int> visits(count);
    parallel_blocks(count, 7, with_threads(4), [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) ++visits[i];
    });
    for (const int v : visits) EXPECT_EQ(v, 1);
  }
}

TEST(ParallelBlocks, BlocksDoNotDependOnTheThreads) {
  const auto blocks = [](int threads) {
    std::vector<size_t> ends(10);
    parallel_blocks(95, 10, with_threads(threads), [&](size_t begin, size_t end) { ends[begin / 10] = end; });
    return ends;
  };
  EXPECT_EQ(blocks(1), blocks(5));
}

TEST(ParallelBlocks, ThrowsWhatTheLowestFailingBlockThrew) {
  for (const int threads : {1, 4}) {
    try {
      parallel_blocks(100, 1, with_threads(threads), [](size_t begin, size_t) {
        if (begin >= 3) fail(Category::numeric, "block {}", begin);
      });
      FAIL();
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), "block 3");
    }
  }
}

TEST(ParallelBlocks, StopsWhenCancelled) {
  std::atomic<bool> cancelled{false};
  Context context = with_threads(2);
  context.cancelled = &cancelled;
  std::atomic<size_t> done{0};
  EXPECT_THROW(parallel_blocks(100000, 1, context,
                               [&](size_t, size_t) {
                                 if (++done == 10) cancelled = true;
                               }),
               Error);
  EXPECT_LT(done, 100u);
}

TEST(ParallelBlocks, RefusesBlocksOfNothing) {
  EXPECT_THROW(parallel_blocks(1, 0, with_threads(1), [](size_t, size_t) {}), Error);
}

}  // namespace
}  // namespace miaudit
