#include <gtest/gtest.h>

#include "miaudit/io/formats.h"
#include "tests/io/test_files.h"

namespace miaudit {
namespace {

class ReadArrayTest : public InFolder {};

TEST_F(ReadArrayTest, TellsFormatsByTheirBytesWhateverTheName) {
  const Array array = Array::from<float>({1, 2}, {2});
  write_npy(path("odd.dat"), array);
  EXPECT_EQ(read_array(path("odd.dat")).as<float>()[1], 2);
  write_npz(path("odd.csv"), {{"a", array}}, Compression::stored);
  EXPECT_EQ(read_array(path("odd.csv")).as<float>()[1], 2);
  EXPECT_EQ(read_array(seed_path("idx/ok_images")).size(), 24u);
  EXPECT_EQ(read_array(seed_path("idx/ok_images.gz")).size(), 24u);
  for (const char* name : {"t.csv", "t.tsv", "t.TXT"})
    EXPECT_EQ(read_array(written(name, "1\n2\n")).as<double>()[1], 2);
}

TEST_F(ReadArrayTest, PicksAMember) {
  const std::string archive = seed_path("npz/ok_deflated.npz");
  EXPECT_EQ(read_array(archive + ":labels").size(), 3u);
  EXPECT_EQ(read_array(seed_path("npz/ok_one.npz")).size(), 3u);
  expect_error(Category::input, {"2 arrays", "say which", "'a', 'labels'"}, [&] { read_array(archive); });
  expect_error(Category::input, {"no array 'label'", "did you mean 'labels'?"},
               [&] { read_array(archive + ":label"); });
  expect_error(Category::input, {"without any array"}, [] { read_array(seed_path("npz/ok_none.npz")); });
}

TEST_F(ReadArrayTest, ReadsNoOtherMember) {
  // Its member 'a' has a wrong CRC.
  EXPECT_EQ(read_array(seed_path("npz/bad_wrong_crc.npz") + ":labels").size(), 3u);
}

TEST_F(ReadArrayTest, AColonInAFilesOwnName) {
  write_npy(path("run:3.npy"), Array::from<float>({1, 2}, {2}));
  EXPECT_EQ(read_array(path("run:3.npy")).size(), 2u);
  write_npz(path("run:3.npz"), {{"a:b", Array::from<float>({1}, {1})}, {"b", Array()}}, Compression::stored);
  EXPECT_EQ(read_array(path("run:3.npz") + ":b").size(), 0u);
  EXPECT_EQ(read_array(path("run:3.npz") + ":a:b").size(), 1u);
  expect_error(Category::input, {"no .npz", "'x'"}, [&] { read_array(path("run:3.npy") + ":x"); });
  expect_error(Category::input, {"none.npz: No such file"}, [&] { read_array(path("none.npz") + ":a"); });
  expect_error(Category::input, {"none:a: No such file"}, [&] { read_array(path("none") + ":a"); });
}

TEST_F(ReadArrayTest, RefusesKnownFormatsByName) {
  const std::tuple<std::string, const char*, const char*> cases[] = {{"\x80\x04\x95", "pickle", "never loaded"},
                                                                     {"\x80\x02}q", "pickle", "numpy.save"},
                                                                     {"\x89HDF\r\n\x1a\n", "HDF5", "numpy.save"},
                                                                     {"PAR1....", "Parquet", "read_parquet"},
                                                                     {"\x28\xb5\x2f\xfd", "zstd", "unzstd"}};
  for (const auto& [content, what, advice] : cases)
    expect_error(Category::unsupported, {what, advice}, [&, c = content] { read_array(written("f", c)); });
  expect_error(Category::unsupported, {"PyTorch checkpoint"}, [] { read_array(seed_path("npz/bad_pytorch.npz")); });
  expect_error(Category::unsupported, {"pickle by its name"}, [&] { read_array(written("a.pkl", "(lp0")); });
  expect_error(Category::unsupported, {"gunzip"}, [&] { read_array(written("a.csv.gz", "\x1f\x8b")); });
}

TEST_F(ReadArrayTest, ListsTheFormatsReadForAnythingElse) {
  expect_error(Category::input, {"f is in no format", ".npy", ".npz", ".idx", ".csv"},
               [&] { read_array(written("f", "hi")); });
  expect_error(Category::input, {"is empty"}, [&] { read_array(written("f", "")); });
  expect_error(Category::input, {"is a directory"}, [&] { read_array(folder_.string()); });
}

}  // namespace
}  // namespace miaudit
