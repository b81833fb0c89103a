#include "miaudit/io/file.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <thread>

#include "miaudit/io/scratch.h"
#include "tests/io/test_files.h"

namespace miaudit {
namespace {

std::string text_of(const FileBytes& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

class FileBytesTest : public InFolder {};
class OutputFileTest : public InFolder {};
class MakeDirectoryTest : public InFolder {};

TEST_F(FileBytesTest, ReadsFilesAndEmptyFiles) {
  EXPECT_EQ(text_of(FileBytes::open(written("a", "hello"))), "hello");
  EXPECT_EQ(text_of(FileBytes::open(written("b", ""))), "");
}

TEST_F(FileBytesTest, BytesOutliveTheObjectThroughTheOwner) {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
  {
    const FileBytes file = FileBytes::open(written("a", "hello"));
    bytes = file.bytes();
    owner = file.owner();
  }
  EXPECT_EQ(static_cast<char>(bytes[4]), 'o');
}

/// Memory of this process that files take.
size_t resident_of_files() {
  std::ifstream statm("/proc/self/statm");
  size_t all = 0, resident = 0, shared = 0;
  statm >> all >> resident >> shared;
  return shared * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

TEST_F(FileBytesTest, WhatPassesTakesNoMemory) {
  constexpr size_t kSize = size_t{100} << 20, kFew = size_t{40} << 20;
  std::filesystem::resize_file(written("a", "hello"), kSize);
  std::string hashes[2];
  for (const Holding holding : {Holding::passing, Holding::mapped}) {
    const bool does_pass = holding == Holding::passing;
    const FileBytes file = FileBytes::open(path("a"), holding);
    const size_t before = resident_of_files();
    hashes[does_pass] = content_hash(file.bytes(), file.owner());
    const size_t hashed = resident_of_files();
    EXPECT_EQ(hashed - std::min(before, hashed) < kFew, does_pass);
    let_pass(file.owner(), file.bytes());
    EXPECT_EQ(static_cast<char>(file.bytes()[1]), 'e') << "it can be read again";
  }
  EXPECT_EQ(hashes[0], hashes[1]);
  EXPECT_EQ(hashes[0], content_hash(FileBytes::open(path("a"), Holding::copied).bytes()));
}

TEST_F(FileBytesTest, TellsWhatWasWrittenToWhileMapped) {
  written("a", "hello");
  const FileBytes file = FileBytes::open(path("a"));
  EXPECT_NO_THROW(check_unchanged(file.owner()));
  const auto touched = std::filesystem::last_write_time(path("a"));
  std::filesystem::last_write_time(path("a"), touched + std::chrono::seconds(2));  // file systems may count them only
  expect_error(Category::input, {"/a was written to while it was in use"}, [&] { check_unchanged(file.owner()); });
  std::filesystem::last_write_time(path("a"), touched);
  EXPECT_NO_THROW(check_unchanged(file.owner()));
  std::filesystem::resize_file(path("a"), 4);
  std::filesystem::last_write_time(path("a"), touched);
  expect_error(Category::input, {"was written to"}, [&] { check_unchanged(file.owner()); });
  written("b", "other");
  std::filesystem::rename(path("b"), path("a"));
  EXPECT_NO_THROW(check_unchanged(file.owner())) << "the file that is mapped lives on";
  std::filesystem::remove(path("a"));
  EXPECT_NO_THROW(check_unchanged(file.owner()));
  EXPECT_NO_THROW(check_unchanged(FileBytes::open(written("c", "copied"), Holding::copied).owner()));
  EXPECT_NO_THROW(check_unchanged({}));
}

TEST_F(FileBytesTest, ReadsPipes) {
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  const std::string content(200'000, 'x');
  std::thread writer([&] {
    std::FILE* pipe = std::fopen(path("pipe").c_str(), "w");
    std::fwrite(content.data(), 1, content.size(), pipe);
    std::fclose(pipe);
  });
  EXPECT_EQ(text_of(FileBytes::open(path("pipe"))), content);
  writer.join();
}

TEST_F(FileBytesTest, ReadsFilesThatSayTheyAreEmpty) {
  EXPECT_FALSE(FileBytes::open("/proc/self/status").bytes().empty());
}

TEST_F(FileBytesTest, SaysWhatIsWrongWithAPath) {
  expect_error(Category::input, {"is a directory; expected a file"}, [&] { FileBytes::open(folder_); });
  expect_error(Category::input, {"missing", "No such file"}, [&] { FileBytes::open(path("missing")); });
  expect_error(Category::input, {"Not a directory"}, [&] { FileBytes::open(written("a", "") + "/b"); });
  written("secret", "x");
  const AsNobody nobody(folder_);
  chmod(path("secret").c_str(), 0);
  expect_error(Category::io, {"secret", "Permission denied"}, [&] { FileBytes::open(path("secret")); });
}

TEST_F(OutputFileTest, AppearsOnlyWhenCommittedForItsOwnerAlone) {
  const mode_t old = umask(0);
  {
    OutputFile file(path("out"));
    file.write("abc");
    EXPECT_FALSE(std::filesystem::exists(path("out")));
    file.commit();
  }
  umask(old);
  struct stat status;
  ASSERT_EQ(stat(path("out").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(text_of(FileBytes::open(path("out"))), "abc");
  EXPECT_EQ(files(), 1u);
}

TEST_F(OutputFileTest, LeavesNothingWhenDropped) {
  written("out", "old");
  {
    OutputFile file(path("out"));
    file.write(std::string(300'000, 'x'));
    EXPECT_EQ(files(), 2u);
  }
  EXPECT_EQ(files(), 1u);
  EXPECT_EQ(text_of(FileBytes::open(path("out"))), "old");
}

TEST_F(OutputFileTest, KeepsTheOrderOfSmallAndLargeWrites) {
  std::string expected;
  OutputFile file(path("out"));
  for (size_t i = 0; i < 300; ++i) {
    const std::string piece(i * i * 7 % 90'000, static_cast<char>('a' + i % 26));
    file.write(piece);
    expected += piece;
  }
  file.commit();
  EXPECT_EQ(text_of(FileBytes::open(path("out"))), expected);
}

TEST_F(OutputFileTest, TwoWritersOfOnePathDoNotMix) {
  OutputFile first(path("out")), second(path("out"));
  first.write("first");
  second.write("second");
  first.commit();
  second.commit();
  EXPECT_EQ(text_of(FileBytes::open(path("out"))), "second");
  EXPECT_EQ(files(), 1u);
}

TEST_F(OutputFileTest, TakesTheLongestName) {
  const std::string name(255, 'n');
  EXPECT_EQ(text_of(FileBytes::open(written(name, "x"))), "x");
}

TEST_F(OutputFileTest, SaysWhyItCannotWrite) {
  expect_error(Category::io, {"none/out", "No such file"}, [&] { OutputFile file(path("none/out")); });
  expect_error(Category::io, {"Is a directory"}, [&] { OutputFile file{folder_}; });
  expect_error(Category::io, {"/dev/null", "not a regular file"}, [&] { OutputFile file("/dev/null"); });
  const AsNobody nobody(folder_);
  std::filesystem::permissions(folder_, std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  expect_error(Category::io, {"out", "Permission denied"}, [&] { OutputFile file(path("out")); });
}

TEST_F(OutputFileTest, AFullDiskIsAnErrorAndLeavesNothing) {
  // A limit on file size stands in for the full disk: both make write() fail in the middle.
  rlimit old;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{100'000, old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  expect_error(Category::io, {"cannot write", "out", "File too large"}, [&] {
    OutputFile file(path("out"));
    file.write(std::string(200'000, 'x'));
    file.commit();
  });
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(files(), 0u);
}

TEST_F(OutputFileTest, ACommittedFileIsClosed) {
  OutputFile file(path("out"));
  file.commit();
  EXPECT_THROW(file.write("x"), Error);
  EXPECT_THROW(file.commit(), Error);
}

TEST_F(MakeDirectoryTest, MakesParentsForTheOwnerAlone) {
  make_directory(path("a/b/c/"));
  make_directory(path("a/b/c"));
  for (const char* name : {"a", "a/b", "a/b/c"}) {
    struct stat status;
    ASSERT_EQ(stat(path(name).c_str(), &status), 0);
    EXPECT_TRUE(S_ISDIR(status.st_mode));
    EXPECT_EQ(status.st_mode & 0777, 0700u);
  }
  written("file", "");
  expect_error(Category::io, {"file", "exists"}, [&] { make_directory(path("file")); });
  expect_error(Category::io, {"file", "exists"}, [&] { make_directory(path("file/x")); });
}

TEST(ContentHash, IsXxh3OfTheBytes) {
  // Reference value of the empty input from xxHash's own documentation tests (xxhsum -H2).
  EXPECT_EQ(content_hash({}), "99aa06d3014798d86001c324468d497f");
  EXPECT_NE(content_hash(bytes_of("a")), content_hash(bytes_of("b")));
  EXPECT_EQ(content_hash(bytes_of("a")).size(), 32u);
}

}  // namespace
}  // namespace miaudit
