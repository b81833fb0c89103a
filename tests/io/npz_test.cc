#include "miaudit/io/npz.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "miaudit/io/inflate.h"
#include "tests/io/test_files.h"

namespace miaudit {
namespace {

class NpzTest : public InFolder {};

std::vector<NamedArray> parse_seed(const std::string& name) {
  const FileBytes file = seed("npz/" + name);
  return parse_npz(file.bytes(), file.owner(), name);
}

TEST(Npz, ReadsWhatNumPyWrites) {
  for (const char* name :
       {"stored", "deflated", "zip64", "zip64_deflated", "descriptors", "descriptors_stored", "comment"}) {
    SCOPED_TRACE(name);
    const auto arrays = parse_seed(std::string("ok_") + name + ".npz");
    ASSERT_EQ(arrays.size(), 2u);
    EXPECT_EQ(arrays[0].name, "a");
    EXPECT_EQ(arrays[0].array.shape(), (std::vector<size_t>{3, 4}));
    for (size_t i = 0; i < 12; ++i) EXPECT_EQ(arrays[0].array.as<float>()[i], static_cast<float>(i));
    EXPECT_EQ(arrays[1].name, "labels");
    EXPECT_EQ(arrays[1].array.as<int64_t>()[2], 2);
  }
  EXPECT_EQ(parse_seed("ok_zip64_directory.npz").at(0).array.as<int64_t>()[2], 2);
  EXPECT_EQ(parse_seed("ok_unicode.npz").at(0).name, "größe");
  EXPECT_TRUE(parse_seed("ok_none.npz").empty());
  EXPECT_EQ(parse_seed("ok_zeros.npz").at(0).array.size(), 4096u);
}

TEST(Npz, UnpacksNoMoreThanTheArrayNeedsAndTheMachineHolds) {
  // 8 MiB of zeros in a few KiB, for an array of four bytes: refused from its beginning, which is all that is unpacked.
  std::string content = npy_header(ElementType::uint8, {4}) + std::string(8 << 20, '\0');
  std::vector<std::byte> packed(compressBound(content.size()));
  z_stream stream{};
  ASSERT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = reinterpret_cast<const Bytef*>(content.data());
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  ASSERT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  // Cut off behind what the header takes: nobody may read so far.
  const ZipMember member{"x", true, 0, content.size(), std::span(packed).first(packed.size() / 2)};
  expect_error(Category::input, {"bomb.npz:'x'", "after the array"}, [&] { npz_array(member, nullptr, "bomb.npz"); });

  expect_error(Category::input, {"big.npz unpacks to 601 MB", "half of this machine's memory is 512 MB"},
               [] { room_to_unpack(size_t{601} << 20, "big.npz", uint64_t{1} << 30); });
  EXPECT_TRUE(room_to_unpack(size_t{1} << 20, "small.npz", uint64_t{1} << 30));
}

TEST(Npz, SaysWhatIsWrongWithAnArchive) {
  const std::tuple<const char*, Category, const char*> cases[] = {
      {"overlap", Category::input, "overlap"},
      {"bomb_says_small", Category::input, "is no .npy file"},
      {"says_huge", Category::input, "cannot hold"},
      {"says_zip64_huge", Category::input, "cannot hold"},
      {"wrong_crc", Category::input, "CRC"},
      {"encrypted", Category::unsupported, "encrypted"},
      {"bzip2", Category::unsupported, "method 12"},
      {"truncated", Category::input, "cut short"},
      {"offset_past_end", Category::input, "cut short"},
      {"count_lies", Category::input, "too short for its members"},
      {"other_local_name", Category::input, "different names"},
      {"object", Category::unsupported, "pickle"},
      {"text", Category::input, "'readme.txt' is no .npy"},
      {"twice", Category::input, "two members named 'x'"},
      {"pytorch", Category::unsupported, "PyTorch checkpoint"},
      {"member_truncated", Category::input, "needs 48 bytes"},
      {"escape_name", Category::input, "'\\x1b[2J'"},
  };
  for (const auto& [name, category, word] : cases)
    expect_error(category, {word}, [&] { parse_seed(std::string("bad_") + name + ".npz"); });
}

TEST(Npz, AMessageNamesTheMember) {
  expect_error(Category::input, {"bad_wrong_crc.npz:'a'"}, [] { parse_seed("bad_wrong_crc.npz"); });
}

std::vector<NamedArray> some_arrays() {
  std::vector<double> values(50'000);
  std::iota(values.begin(), values.end(), 0.);
  return {{"values", Array::from(values, {500, 100})},
          {"empty", Array::from<float>({}, {0, 3})},
          {"größe", Array::from<bool>({true, false}, {2})}};
}

void expect_same(const std::vector<NamedArray>& a, const std::vector<NamedArray>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].name, b[i].name);
    EXPECT_EQ(a[i].array.type(), b[i].array.type());
    EXPECT_EQ(a[i].array.shape(), b[i].array.shape());
    EXPECT_TRUE(std::ranges::equal(a[i].array.bytes(), b[i].array.bytes()));
  }
}

TEST_F(NpzTest, WritesWhatItReads) {
  write_npz(path("stored.npz"), some_arrays(), Compression::stored);
  write_npz(path("deflated.npz"), some_arrays(), Compression::deflated);
  write_npz(path("none.npz"), {}, Compression::stored);
  expect_same(read_npz(path("stored.npz")), some_arrays());
  expect_same(read_npz(path("deflated.npz")), some_arrays());
  EXPECT_TRUE(read_npz(path("none.npz")).empty());
  EXPECT_LT(std::filesystem::file_size(path("deflated.npz")), std::filesystem::file_size(path("stored.npz")) / 3);
}

TEST_F(NpzTest, WritesZip64WhenAskedAndTheSameBytesEachTime) {
  for (const Compression compression : {Compression::stored, Compression::deflated}) {
    for (const char* name : {"a.npz", "b.npz"}) {
      OutputFile file(path(name));
      write_npz(file, some_arrays(), compression, 1);
      file.commit();
    }
    expect_same(read_npz(path("a.npz")), some_arrays());
    EXPECT_EQ(content_hash(FileBytes::open(path("a.npz")).bytes()),
              content_hash(FileBytes::open(path("b.npz")).bytes()));
  }
}

TEST_F(NpzTest, WritesMoreMembersThanSixteenBitsCount) {
  std::vector<NamedArray> many;
  for (int i = 0; i < 70'000; ++i) many.push_back({std::to_string(i), Array::from<uint8_t>({1}, {1})});
  write_npz(path("many.npz"), many, Compression::stored);
  EXPECT_EQ(read_npz(path("many.npz")).size(), 70'000u);
}

TEST_F(NpzTest, RefusesNamesGivenTwice) {
  const std::vector<NamedArray> twice = {{"a", Array()}, {"a", Array()}};
  EXPECT_THROW(write_npz(path("a.npz"), twice, Compression::stored), Error);
  EXPECT_EQ(files(), 0u);
}

}  // namespace
}  // namespace miaudit
