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
  for (const size_t n : {0, 1, 2, 100, 4096, 4097, 50'000, 300'000}) {
    Rng rng(7, n);
    std::vector<double> values(n);
    for (double& value : values) value = GetParam().draw(rng);
    std::vector<double> expected = values;
    std::sort(expected.begin(), expected.end());
    radix_sort(values);
    EXPECT_EQ(values, expected) << n << " values";
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

}  // namespace
}  // namespace miaudit
