#include "miaudit/io/scratch.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "miaudit/io/mapping.h"

namespace miaudit {
namespace {

int open_nameless(const std::string& folder) {
  const int descriptor = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor >= 0) return descriptor;
  std::string name = folder + "/miaudit-XXXXXX";  // a file system without O_TMPFILE
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

std::shared_ptr<void> map_nameless(size_t bytes) {
  const char* given = std::getenv("TMPDIR");
  const std::string folder = given && *given ? given : "/var/tmp";
  const auto refuse = [&](int error) {
    fail(Category::io,
         "{}: no room for {} bytes of signals: {}; set TMPDIR to a folder with more, or give a larger --memory", folder,
         bytes, std::strerror(error));
  };
  const int descriptor = open_nameless(folder);
  if (descriptor < 0) refuse(errno);
  // Reserved beforehand: a write through a mapping to a full disk would end the process.
  const int error = ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes));
  void* start = error ? MAP_FAILED : ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  const int reason = error ? error : errno;
  ::close(descriptor);
  if (start == MAP_FAILED) refuse(reason);
  return std::shared_ptr<void>(start, Unmap{bytes});
}

}  // namespace

void Unmap::operator()(void* start) const {
  ::munmap(start, bytes);
}

Scratch::Scratch(size_t count, bool on_disk) : on_disk_(on_disk && count > 0) {
  if (on_disk_) {
    owner_ = map_nameless(count * sizeof(double));
    values_ = {static_cast<double*>(owner_.get()), count};
  } else {
    auto values = std::make_shared_for_overwrite<double[]>(count);
    values_ = {values.get(), count};
    owner_ = std::move(values);
  }
}

void Scratch::release() const {
  if (on_disk_) ::madvise(owner_.get(), values_.size_bytes(), MADV_DONTNEED);
}

void release_pages(const Array& array) {
  if (!std::get_deleter<Unmap>(array.owner())) return;
  // Read-only and private, so that the file has every byte; pages that others' elements share come back by themselves.
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto first = reinterpret_cast<uintptr_t>(array.bytes().data()), start = first / page * page;
  ::madvise(reinterpret_cast<void*>(start), first - start + array.bytes().size(), MADV_DONTNEED);
}

void let_pass(const std::shared_ptr<const void>& owner, std::span<const std::byte> bytes) {
  const Unmap* mapping = std::get_deleter<Unmap>(owner);
  if (!mapping || !mapping->is_passing) return;
  // Who reads what follows brings the pages around it in as well, those just before it among them.
  constexpr size_t kAround = size_t{1} << 17;
  const auto* start = static_cast<const std::byte*>(owner.get());
  const size_t begin = static_cast<size_t>(bytes.data() - start), end = begin + bytes.size();
  const size_t first = begin < kAround ? 0 : (begin - kAround) / kAround * kAround;
  ::madvise(const_cast<std::byte*>(start) + first, end - first, MADV_DONTNEED);
}

}  // namespace miaudit
