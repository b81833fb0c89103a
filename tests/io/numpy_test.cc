#include <gtest/gtest.h>

#include <cstdlib>

#include "miaudit/io/npz.h"
#include "tests/io/test_files.h"

namespace miaudit {
namespace {

class NumPyTest : public InFolder {
 protected:
  /// A Python that has NumPy: the distribution's own goes first, others may shadow it. Empty when there is none.
  static std::string python() {
    for (const std::string candidate : {"/usr/bin/python3", "python3"})
      if (std::system((candidate + " -c 'import numpy' 2>/dev/null").c_str()) == 0) return candidate;
    return "";
  }
};

TEST_F(NumPyTest, ReadsWhatMiauditWritesAndWritesWhatMiauditReads) {
  const std::string interpreter = python();
  ASSERT_FALSE(interpreter.empty())
      << "no Python with NumPy here; expected python3-numpy of packages.txt: ./setup test";
  std::vector<NamedArray> arrays;
  for (int type = 0; type <= static_cast<int>(ElementType::float64); ++type) {
    with_element_type(static_cast<ElementType>(type), [&]<class T>() {
      std::vector<T> values;
      for (int i = 0; i < 24; ++i) {
        if constexpr (std::is_same_v<T, Half>)
          values.push_back(to_half(i));
        else
          values.push_back(static_cast<T>(std::is_same_v<T, bool> ? i % 2 : i));
      }
      arrays.push_back({std::string(element_name(ElementTypeOf<T>::value)), Array::from<T>(values, {2, 3, 4})});
    });
  }
  for (const NamedArray& named : arrays) write_npy(path(named.name + ".npy"), named.array);
  write_npz(path("stored.npz"), arrays, Compression::stored);
  write_npz(path("deflated.npz"), arrays, Compression::deflated);
  for (const Compression compression : {Compression::stored, Compression::deflated}) {
    OutputFile file(path(compression == Compression::stored ? "stored64.npz" : "deflated64.npz"));
    write_npz(file, arrays, compression, 1);
    file.commit();
  }

  // The script checks every value and writes all of it again, with NumPy, under back/.
  const std::string script = std::string(MIAUDIT_SOURCE_DIR) + "/tests/io/numpy_roundtrip.py";
  ASSERT_EQ(std::system((interpreter + " '" + script + "' '" + folder_.string() + "'").c_str()), 0);
  for (const NamedArray& named : arrays) {
    SCOPED_TRACE(named.name);
    for (const std::string& from :
         {path("back/" + named.name + ".npy"), path("back/" + named.name + "_big.npy"),
          path("back/" + named.name + "_fortran.npy"), path("back/stored.npz") + ":" + named.name,
          path("back/deflated.npz") + ":" + named.name}) {
      const Array array = read_array(from);
      EXPECT_EQ(array.type(), named.array.type()) << from;
      EXPECT_EQ(array.shape(), named.array.shape()) << from;
      EXPECT_TRUE(std::ranges::equal(array.bytes(), named.array.bytes())) << from;
    }
  }
}

}  // namespace
}  // namespace miaudit
