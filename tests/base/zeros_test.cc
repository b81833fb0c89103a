#include "miaudit/base/zeros.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace miaudit {
namespace {

TEST(Zeros, AreAllThereOnAnyNumberOfThreads) {
  for (const int threads : {1, 2, 5})
    for (const size_t count : {size_t{0}, size_t{1}, size_t{1000}, (size_t{1} << 20) + 3}) {
      Context context;
      context.threads = threads;
      const std::vector<double> values = zeros(count, context);
      ASSERT_EQ(values.size(), count);
      EXPECT_TRUE(std::ranges::all_of(values, [](double value) { return value == 0; }));
    }
}

}  // namespace
}  // namespace miaudit
