#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "miaudit/base/error.h"
#include "miaudit/io/file.h"

namespace miaudit {
namespace {

constexpr size_t kBufferSize = size_t{1} << 16;
constexpr std::string_view kUnfinished = ".miaudit-";

[[noreturn]] void fail_writing(const std::filesystem::path& path, int error) {
  fail(Category::io, "cannot write {}: {}", path.string(), std::generic_category().message(error));
}

std::filesystem::path directory_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

/// Makes a rename in `directory` outlive a power cut, where the directory may be opened and its file system can do so.
void sync_directory(const std::filesystem::path& directory, const std::filesystem::path& path) {
  const int descriptor = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  const int error = fsync(descriptor) == 0 ? 0 : errno;
  close(descriptor);
  if (error == EIO || error == ENOSPC || error == EDQUOT) fail_writing(path, error);
}

}  // namespace

OutputFile::OutputFile(std::filesystem::path path) : path_(std::move(path)) {
  struct stat status;
  if (stat(path_.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) fail_writing(path_, EISDIR);
    if (!S_ISREG(status.st_mode)) fail(Category::io, "cannot write {}: it is not a regular file", path_.string());
  }
  // A short name of its own: one made from the target's could be longer than a name may be.
  temporary_ = (directory_of(path_) / (std::string(kUnfinished) + "XXXXXX")).string();
  descriptor_ = mkostemp(temporary_.data(), O_CLOEXEC);
  if (descriptor_ < 0) fail_writing(path_, errno);
  buffer_.reserve(kBufferSize);
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void OutputFile::write(std::span<const std::byte> bytes) {
  if (descriptor_ < 0) fail(Category::internal, "{} is written to after it was committed", path_.string());
  if (buffer_.size() + bytes.size() > kBufferSize) flush();
  if (bytes.size() >= kBufferSize)
    write_through(bytes);
  else
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

void OutputFile::flush() {
  write_through(buffer_);
  buffer_.clear();
}

void OutputFile::write_through(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) fail_writing(path_, errno);
    if (written > 0) bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void OutputFile::commit() {
  if (descriptor_ < 0) fail(Category::internal, "{} is committed twice", path_.string());
  flush();
  if (fsync(descriptor_) != 0) fail_writing(path_, errno);
  // Some network file systems report a full disk only here.
  if (close(std::exchange(descriptor_, -1)) != 0) fail_writing(path_, errno);
  if (rename(temporary_.c_str(), path_.c_str()) != 0) fail_writing(path_, errno);
  temporary_.clear();
  sync_directory(directory_of(path_), path_);
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  OutputFile file(path);
  file.write(text);
  file.commit();
}

void make_directory(const std::filesystem::path& path) {
  std::error_code ignored;
  if (path.empty() || std::filesystem::is_directory(path, ignored)) return;
  make_directory(path.parent_path());
  if (mkdir(path.c_str(), 0700) == 0) return;
  // Another process may have made it meanwhile; "a/" names what "a" just made.
  const int error = errno;
  if (error != EEXIST || !std::filesystem::is_directory(path, ignored))
    fail(Category::io, "cannot make the directory {}: {}", path.string(), std::generic_category().message(error));
}

bool is_unfinished_file(const std::filesystem::path& path) {
  return path.filename().string().starts_with(kUnfinished);
}

bool rename_directory(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR) return false;
    fail_writing(to, errno);
  }
  sync_directory(directory_of(to), to);
  return true;
}

}  // namespace miaudit
