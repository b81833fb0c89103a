#include <gtest/gtest.h>

#include "miaudit/io/formats.h"
#include "tests/io/test_files.h"

namespace miaudit {
namespace {

Array parse_seed(const std::string& name) {
  return parse_idx(seed("idx/" + name).bytes(), name);
}

TEST(Idx, ReadsEveryType) {
  for (const std::string type : {"uint8", "int8", "int16", "int32", "float32", "float64"}) {
    SCOPED_TRACE(type);
    const Array array = parse_seed("ok_" + type + ".idx");
    EXPECT_EQ(element_name(array.type()), type);
    EXPECT_EQ(array.shape(), (std::vector<size_t>{2, 3}));
    const int first = type == "uint8" ? 0 : -3;
    with_element_type(array.type(), [&]<class T>() {
      if constexpr (std::is_arithmetic_v<T>) {
        for (size_t i = 0; i < 6; ++i) EXPECT_EQ(static_cast<int>(array.as<T>()[i]), first + static_cast<int>(i));
      }
    });
  }
}

TEST(Idx, ReadsGzipOfAnyNumberOfMembers) {
  for (const char* name : {"ok_images", "ok_images.gz", "ok_members.gz"}) {
    const Array array = parse_seed(name);
    EXPECT_EQ(array.shape(), (std::vector<size_t>{2, 3, 4}));
    for (size_t i = 0; i < 24; ++i) EXPECT_EQ(array.as<uint8_t>()[i], i);
  }
  EXPECT_EQ(parse_seed("ok_none").size(), 0u);
}

TEST(Idx, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {{"truncated", "needs 24 bytes of data, but it holds 23"},
                                                       {"trailing", "holds 25"},
                                                       {"type", "no .idx file"},
                                                       {"33_axes", "1 to 32 axes"},
                                                       {"half_header", "inside its .idx header"},
                                                       {"overflow", "more than any machine"},
                                                       {"overflow_times_0", "more than any machine"},
                                                       {"huge.gz", "cannot hold"},
                                                       {"more.gz", "more than the size it declares"},
                                                       {"bomb.gz", "more than the size it declares"},
                                                       {"less.gz", "should hold 24 bytes"},
                                                       {"truncated.gz", "cut short"},
                                                       {"crc.gz", "corrupt compressed data"},
                                                       {"garbage_after.gz", "no gzip"},
                                                       {"text.gz", "no .idx file"}};
  for (const auto& [name, words] : cases)
    expect_error(Category::input, {words}, [&] { parse_seed(std::string("bad_") + name); });
}

}  // namespace
}  // namespace miaudit
