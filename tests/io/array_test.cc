#include "miaudit/io/array.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace miaudit {
namespace {

TEST(Half, EveryFiniteValueSurvivesTheWayThroughDouble) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const Half half{static_cast<uint16_t>(bits)};
    const double value = to_double(half);
    if (std::isnan(value))
      EXPECT_TRUE((bits & 0x7fff) > 0x7c00 && std::isnan(to_double(to_half(value)))) << bits;
    else
      EXPECT_EQ(to_half(value).bits, bits);
  }
}

TEST(Half, KnownValues) {
  EXPECT_EQ(to_double({0x3c00}), 1);
  EXPECT_EQ(to_double({0xc000}), -2);
  EXPECT_EQ(to_double({0x7bff}), 65504);
  EXPECT_EQ(to_double({0x0001}), 0x1p-24);
  EXPECT_EQ(to_double({0x03ff}), 0x1p-14 - 0x1p-24);
  EXPECT_EQ(to_double({0x7c00}), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::signbit(to_double({0x8000})));
}

TEST(Half, RoundsToNearestTiesToEven) {
  // Between each pair of neighbours: the middle goes to the even one, a hair off the middle to the nearer one.
  for (uint16_t bits = 0; bits < 0x7bff; ++bits) {
    const double low = to_double({bits}), high = to_double({static_cast<uint16_t>(bits + 1)}),
                 middle = (low + high) / 2;
    const uint16_t even = bits % 2 == 0 ? bits : static_cast<uint16_t>(bits + 1);
    ASSERT_EQ(to_half(middle).bits, even);
    ASSERT_EQ(to_half(std::nextafter(middle, 0)).bits, bits);
    ASSERT_EQ(to_half(std::nextafter(middle, 1e9)).bits, bits + 1);
    ASSERT_EQ(to_half(-middle).bits, even | 0x8000);
  }
  EXPECT_EQ(to_half(65519.999).bits, 0x7bff);
  EXPECT_EQ(to_half(65520).bits, 0x7c00);
  EXPECT_EQ(to_half(1e300).bits, 0x7c00);
  EXPECT_EQ(to_half(5e-324).bits, 0);
}

TEST(Array, HoldsItsValuesUnderItsTypeAlone) {
  const Array array = Array::from<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(array.type(), ElementType::float32);
  EXPECT_EQ(array.size(), 6u);
  EXPECT_EQ(array.rows(), 2u);
  EXPECT_EQ(array.dims(), 2u);
  EXPECT_EQ(array.bytes().size(), 24u);
  EXPECT_EQ(array.as<float>()[4], 5);
  EXPECT_THROW(array.as<double>(), Error);
  EXPECT_EQ(array.reshaped({6}).as<float>()[4], 5);
  EXPECT_THROW(array.reshaped({7}), Error);
  EXPECT_THROW(Array::from<float>({1, 2, 3}, {2, 2}), Error);
}

TEST(Array, HoldsBooleansAsBytes) {
  const Array array = Array::from<bool>({true, false, true}, {3});
  EXPECT_EQ(array.type(), ElementType::boolean);
  EXPECT_EQ(array.bytes().size(), 3u);
  EXPECT_TRUE(array.as<bool>()[2]);
  EXPECT_FALSE(array.as<bool>()[1]);
}

TEST(Array, ScalarAndEmpty) {
  EXPECT_EQ(Array::from<int8_t>({7}, {}).rows(), 1u);
  EXPECT_EQ(Array().size(), 0u);
  EXPECT_TRUE(Array::from<double>({}, {0, 10}).as<double>().empty());
}

TEST(Array, ShapesReadAsNumPyPrintsThem) {
  EXPECT_EQ(shape_text({}), "()");
  EXPECT_EQ(shape_text({5}), "(5,)");
  EXPECT_EQ(shape_text({60000, 28, 28}), "(60000, 28, 28)");
}

TEST(ElementType, SizesAndNames) {
  EXPECT_EQ(element_size(ElementType::boolean), 1u);
  EXPECT_EQ(element_size(ElementType::float16), 2u);
  EXPECT_EQ(element_size(ElementType::uint64), 8u);
  EXPECT_EQ(element_name(ElementType::float16), "float16");
  EXPECT_TRUE(is_floating(ElementType::float16));
  EXPECT_FALSE(is_floating(ElementType::int64));
}

}  // namespace
}  // namespace miaudit
