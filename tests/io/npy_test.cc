#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "miaudit/io/formats.h"
#include "tests/io/test_files.h"

namespace miaudit {
namespace {

class NpyTest : public InFolder {};

Array parse_seed(const std::string& name) {
  const FileBytes file = seed("npy/" + name);
  return parse_npy(file.bytes(), file.owner(), name);
}

template <class T>
double value(T element) {
  if constexpr (std::is_same_v<T, Half>)
    return to_double(element);
  else
    return static_cast<double>(element);
}

TEST(Npy, ReadsEveryTypeInBothByteOrders) {
  for (const std::string type :
       {"int16", "int32", "int64", "uint16", "uint32", "uint64", "float16", "float32", "float64"}) {
    for (const std::string order : {"little", "big"}) {
      SCOPED_TRACE(type + order);
      const Array array = parse_seed("ok_" + type + "_" + order + ".npy");
      EXPECT_EQ(element_name(array.type()), type);
      EXPECT_EQ(array.shape(), (std::vector<size_t>{3, 4}));
      with_element_type(array.type(), [&]<class T>() {
        // numpy.arange(12) - 5, which wraps round in unsigned types.
        for (size_t i = 0; i < 12; ++i) {
          const auto expected = static_cast<int64_t>(i) - 5;
          if constexpr (std::is_integral_v<T>)
            EXPECT_EQ(array.as<T>()[i], static_cast<T>(expected));
          else
            EXPECT_EQ(value(array.as<T>()[i]), static_cast<double>(expected));
        }
      });
    }
  }
}

TEST(Npy, ReadsBytesAndBooleans) {
  EXPECT_EQ(parse_seed("ok_int8.npy").as<int8_t>()[11], 11);
  EXPECT_EQ(parse_seed("ok_uint8.npy").as<uint8_t>()[7], 7);
  const Array booleans = parse_seed("ok_bool.npy");
  for (size_t i = 0; i < 12; ++i) EXPECT_EQ(booleans.as<bool>()[i], i % 2 == 1);
}

TEST(Npy, ReadsFortranOrderAsRowMajor) {
  const Array array = parse_seed("ok_fortran.npy");
  EXPECT_EQ(array.shape(), (std::vector<size_t>{2, 3, 4}));
  for (size_t i = 0; i < 24; ++i) EXPECT_EQ(array.as<float>()[i], static_cast<float>(i));
  const Array big = parse_seed("ok_fortran_big.npy");
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(big.as<int16_t>()[i], static_cast<int16_t>(i));
}

TEST(Npy, ReadsScalarsEmptyArraysAndAllVersions) {
  EXPECT_EQ(parse_seed("ok_scalar.npy").as<double>()[0], 2.5);
  EXPECT_EQ(parse_seed("ok_scalar.npy").dims(), 0u);
  EXPECT_EQ(parse_seed("ok_empty.npy").shape(), (std::vector<size_t>{0, 10}));
  EXPECT_EQ(parse_seed("ok_version2.npy").as<float>()[11], 11);
  EXPECT_EQ(parse_seed("ok_version3.npy").as<float>()[11], 11);
  EXPECT_EQ(parse_seed("ok_python2_long.npy").shape(), std::vector<size_t>{3});
  EXPECT_EQ(parse_seed("ok_32_axes.npy").dims(), 32u);
  const Array special = parse_seed("ok_special.npy");
  EXPECT_TRUE(std::isnan(special.as<double>()[0]));
  EXPECT_TRUE(std::signbit(special.as<double>()[3]));
  EXPECT_EQ(special.as<double>()[4], 5e-324);
}

TEST(Npy, ViewsNativeFilesAndCopiesTheRest) {
  const auto is_view = [](const char* name) {
    const FileBytes file = seed(std::string("npy/") + name);
    const auto* data = parse_npy(file.bytes(), file.owner(), name).bytes().data();
    return data >= file.bytes().data() && data < file.bytes().data() + file.bytes().size();
  };
  EXPECT_TRUE(is_view("ok_float32_little.npy"));
  EXPECT_TRUE(is_view("ok_uint8.npy"));
  EXPECT_FALSE(is_view("ok_float32_big.npy"));
  EXPECT_FALSE(is_view("ok_fortran.npy"));
}

TEST(Npy, CopiesWhatIsNotAligned) {
  const FileBytes file = seed("npy/ok_float64_little.npy");
  const auto shifted = std::make_shared<std::vector<std::byte>>(file.bytes().size() + 1);
  std::copy(file.bytes().begin(), file.bytes().end(), shifted->begin() + 1);
  const Array array = parse_npy(std::span(*shifted).subspan(1), shifted, "shifted");
  EXPECT_EQ(reinterpret_cast<uintptr_t>(array.bytes().data()) % 8, 0u);
  EXPECT_EQ(array.as<double>()[11], 6);
}

TEST(Npy, HeaderIsNumPysOwn) {
  for (const char* name : {"ok_bool.npy", "ok_uint8.npy", "ok_float16_little.npy", "ok_scalar.npy", "ok_empty.npy"}) {
    SCOPED_TRACE(name);
    const FileBytes file = seed(std::string("npy/") + name);
    const Array array = parse_seed(name);
    const std::string header = npy_header(array.type(), array.shape());
    ASSERT_EQ(header.size() + array.bytes().size(), file.bytes().size());
    EXPECT_EQ(header, std::string_view(reinterpret_cast<const char*>(file.bytes().data()), header.size()));
  }
}

TEST_F(NpyTest, WritesWhatItReads) {
  std::vector<float> values(100'000);
  std::iota(values.begin(), values.end(), 0.f);
  write_npy(path("a.npy"), Array::from(values, {1000, 100}));
  const Array array = read_npy(path("a.npy"));
  EXPECT_EQ(array.shape(), (std::vector<size_t>{1000, 100}));
  EXPECT_TRUE(std::equal(values.begin(), values.end(), array.as<float>().begin()));
}

TEST(Npy, RefusesObjectsAsPicklesAndSaysHowToSave) {
  expect_error(Category::unsupported, {"bad_object.npy", "pickle", "never load", "np.save(path, a.astype(np.float32))"},
               [] { parse_seed("bad_object.npy"); });
}

TEST(Npy, RefusesOtherTypesByName) {
  const std::pair<const char*, const char*> cases[] = {
      {"structured", "structured"}, {"complex", "complex"}, {"string", "strings"},        {"unicode", "strings"},
      {"datetime", "dates"},        {"void", "bfloat16"},   {"longdouble", "long double"}};
  for (const auto& [name, word] : cases)
    expect_error(Category::unsupported, {word}, [&] { parse_seed(std::string("bad_") + name + ".npy"); });
}

TEST(Npy, SaysHowManyBytesAreMissingOrTooMany) {
  expect_error(Category::input, {"cut short", "(3, 4)", "float32", "needs 48 bytes", "holds 47"},
               [] { parse_seed("bad_truncated.npy"); });
  expect_error(Category::input, {"needs 4 000 000 000 000 bytes"}, [] { parse_seed("bad_lying_shape.npy"); });
  expect_error(Category::input, {"1 byte after the array"}, [] { parse_seed("bad_trailing.npy"); });
  expect_error(Category::input, {"empty"}, [] { parse_seed("bad_empty.npy"); });
}

TEST(Npy, RefusesShapesThatOverflow) {
  for (const char* name : {"overflow", "overflow_to_12", "overflow_times_0"})
    expect_error(Category::input, {"more than any machine"}, [&] { parse_seed(std::string("bad_") + name + ".npy"); });
  expect_error(Category::input, {"32 axes"}, [] { parse_seed("bad_33_axes.npy"); });
  expect_error(Category::input, {"64 bits"}, [] { parse_seed("bad_axis_past_64_bits.npy"); });
}

TEST(Npy, RefusesBytesThatAreNoBooleans) {
  expect_error(Category::input, {"element 2", "byte 2"}, [] { parse_seed("bad_bool_of_2.npy"); });
}

}  // namespace
}  // namespace miaudit
