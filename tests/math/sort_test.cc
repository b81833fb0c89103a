#include "miaudit/math/sort.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>

#include "miaudit/base/rng.h"

namespace miaudit {
namespace {

using Draw = std::function<double(Rng&)>;

struct Case {
  const char* name;
  Draw draw;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

class RadixSort : public testing::TestWithParam<Case> {};

TEST_P(RadixSort, AgreesWithStdSortAtEverySize) {
  for (const size_t n : {0, 1, 2, 100, 1024, 1025, 50'000, 300'000}) {
    Rng rng(7, n);
    std::vector<double> values(n);
    for (double& value : values) value = GetParam().draw(rng);
    std::vector<double> expected = values;
    std::sort(expected.begin(), expected.end());
    radix_sort(values);
    EXPECT_EQ(values, expected) << n << " values";
  }
}

TEST_P(RadixSort, MergesRunsOfAnyLength) {
  for (const size_t threads : {1, 2}) {
    Context context;
    context.threads = static_cast<int>(threads);
    Rng rng(8);
    std::vector<std::vector<double>> values(60);
    std::vector<double> expected;
    for (std::vector<double>& run : values) {
      run.resize(rng.below(2) * rng.below(9000));
      for (double& value : run) value = GetParam().draw(rng);
      expected.insert(expected.end(), run.begin(), run.end());
      radix_sort(run);
    }
    const std::vector<std::span<const double>> runs(values.begin(), values.end());
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(merge_sorted(runs, context), expected);
  }
}

TEST_P(RadixSort, CountsAgreeWithStdBounds) {
  for (const size_t n : {1, 2, 31, 1000}) {
    Rng rng(9, n);
    std::vector<double> sorted(n), sought(77);
    for (double& value : sorted) value = GetParam().draw(rng);
    for (double& value : sought) value = rng.below(2) ? sorted[rng.below(n)] : GetParam().draw(rng);
    std::sort(sorted.begin(), sorted.end());
    std::vector<size_t> below(sought.size()), up_to(sought.size());
    count_below(sorted, sought, below);
    count_up_to(sorted, sought, up_to);
    for (size_t k = 0; k < sought.size(); ++k) {
      const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), sought[k]);
      EXPECT_EQ(below[k], size_t(first - sorted.begin())) << n << " values, " << sought[k];
      EXPECT_EQ(up_to[k], size_t(last - sorted.begin())) << n << " values, " << sought[k];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Values, RadixSort,
    testing::Values(Case{"normal", [](Rng& rng) { return rng.normal(); }},
                    Case{"float_precision", [](Rng& rng) { return double(float(rng.normal())); }},
                    Case{"constant", [](Rng&) { return -2.5; }},
                    Case{"two_levels", [](Rng& rng) { return rng.below(2) ? 1.0 : -1.0; }},
                    Case{"integers", [](Rng& rng) { return double(rng.below(1000)) - 500; }},
                    // Equal in their top bits: only the second round tells them apart.
                    Case{"crowded", [](Rng& rng) { return 1 + double(rng.below(1 << 20)) * 0x1p-52; }},
                    Case{"two_crowds",
                         [](Rng& rng) { return (rng.below(2) ? 3 : -3) * (1 + rng.uniform() * 0x1p-30); }},
                    Case{"every_magnitude",
                         [](Rng& rng) {
                           const double size = std::ldexp(1 + rng.uniform(), int(rng.below(2098)) - 1074);
                           return rng.below(2) ? size : -size;
                         }},
                    Case{"extremes",
                         [](Rng& rng) {
                           const double values[] = {std::numeric_limits<double>::max(),
                                                    std::numeric_limits<double>::lowest(),
                                                    std::numeric_limits<double>::denorm_min(),
                                                    -std::numeric_limits<double>::denorm_min(), 0.0};
                           return values[rng.below(5)];
                         }}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(RadixSort, TurnsNegativeZeroIntoZero) {
  for (const size_t n : {10, 10'000}) {
    std::vector<double> values(n, -0.0);
    values[n / 2] = 0.0;
    radix_sort(values);
    for (const double value : values) EXPECT_EQ(std::bit_cast<uint64_t>(value), 0u);
  }
}

TEST(MergeSorted, OfNothingIsNothing) {
  EXPECT_TRUE(merge_sorted({}, {}).empty());
  const std::vector<std::span<const double>> empty(3);
  EXPECT_TRUE(merge_sorted(empty, {}).empty());
}

TEST(CountBelow, IsNoneAmongNoneAndOfWhatIsNoNumber) {
  const std::vector<double> sought = {1, NAN};
  const std::vector<double> sorted = {0, 2};
  std::vector<size_t> counts(2, 7);
  count_below({}, sought, counts);
  EXPECT_EQ(counts, (std::vector<size_t>{0, 0}));
  count_up_to(sorted, sought, counts);
  EXPECT_EQ(counts, (std::vector<size_t>{1, 0}));
}

}  // namespace
}  // namespace miaudit
