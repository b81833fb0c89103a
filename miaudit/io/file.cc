#include "miaudit/io/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>
#include <vector>

#include "miaudit/base/error.h"
#include "miaudit/io/mapping.h"

namespace miaudit {
namespace {

std::string reason(int error) {
  return std::generic_category().message(error);
}

struct Descriptor {
  int number;
  explicit Descriptor(int opened) : number(opened) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(number); }
};

std::atomic<int> waiting{0};

/// Alive while a file that may be a pipe is opened and read.
struct Waiting {
  const bool is_pipe;
  explicit Waiting(const std::filesystem::path& path)
      : is_pipe([&] {
          struct stat status;
          return stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
        }()) {
    waiting += is_pipe;
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() { waiting -= is_pipe; }
};

std::shared_ptr<const std::vector<std::byte>> read_all(int descriptor, const std::filesystem::path& path,
                                                       size_t expected) {
  constexpr size_t kChunk = size_t{1} << 16;
  auto content = std::make_shared<std::vector<std::byte>>(expected + kChunk);
  for (size_t filled = 0;;) {
    if (content->size() - filled < kChunk) content->resize(2 * filled + kChunk);
    const ssize_t got = read(descriptor, content->data() + filled, content->size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(Category::io, "cannot read {}: {}", path.string(), reason(errno));
    filled += static_cast<size_t>(got);
    if (got == 0) {
      content->resize(filled);
      return content;
    }
  }
}

}  // namespace

void check_unchanged(const std::shared_ptr<const void>& owner) {
  const Unmap* mapping = std::get_deleter<Unmap>(owner);
  struct stat now;
  if (!mapping || mapping->path.empty() || stat(mapping->path.c_str(), &now) != 0) return;
  const struct stat& then = mapping->opened;
  if (now.st_dev != then.st_dev || now.st_ino != then.st_ino) return;
  if (now.st_size == then.st_size && now.st_mtim.tv_sec == then.st_mtim.tv_sec &&
      now.st_mtim.tv_nsec == then.st_mtim.tv_nsec)
    return;
  fail(Category::input,
       "{} was written to while it was in use, so that figures may be of neither what it held nor what it holds; see "
       "that nothing writes to what is read, and run it again",
       mapping->path.string());
}

bool is_waiting_for_a_pipe() {
  return waiting > 0;
}

FileBytes FileBytes::open(const std::filesystem::path& path, Holding holding) {
  const Waiting until_read(path);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.number < 0) {
    const bool missing = errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG || errno == ELOOP;
    if (missing) fail(Category::input, "cannot open {}: {}; check the path", path.string(), reason(errno));
    fail(Category::io, "cannot open {}: {}", path.string(), reason(errno));
  }
  struct stat status;
  if (fstat(file.number, &status) != 0) fail(Category::io, "cannot read {}: {}", path.string(), reason(errno));
  if (S_ISBLK(status.st_mode) || (S_ISCHR(status.st_mode) && !isatty(file.number)))
    fail(Category::input, "{} is a device, which may have no end; expected a file or a pipe", path.string());
  if (S_ISDIR(status.st_mode)) fail(Category::input, "{} is a directory; expected a file", path.string());

  FileBytes result;
  const size_t size = S_ISREG(status.st_mode) ? static_cast<size_t>(status.st_size) : 0;
  if (holding != Holding::copied && size > 0) {
    void* mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number, 0);
    if (mapped != MAP_FAILED) {
      result.owner_ = std::shared_ptr<void>(mapped, Unmap{size, holding == Holding::passing, path, status});
      result.bytes_ = {static_cast<const std::byte*>(mapped), size};
      return result;
    }
  }
  // Also regular files of size 0: those of /proc say so and hold text all the same.
  const auto content = read_all(file.number, path, size);
  result.owner_ = content;
  result.bytes_ = *content;
  return result;
}

}  // namespace miaudit
