#include "miaudit/io/inflate.h"

#include <unistd.h>

#include <algorithm>
#include <new>

#include "miaudit/base/error.h"
#include "miaudit/io/raw.h"

namespace miaudit {

uint64_t machine_memory() {
  return static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::shared_ptr<std::byte> room_to_unpack(size_t size, const std::string& name, uint64_t memory) {
  if (size > memory / 2)
    fail(Category::input,
         "{} unpacks to {} MB, and half of this machine's memory is {} MB; save it unpacked, as .npy, which is read "
         "where it lies",
         name, size >> 20, memory >> 21);
  return allocate_bytes(size);
}

Inflater::Inflater(std::span<const std::byte> packed, Wrapping wrapping, const std::string& name)
    : packed_(packed), wrapping_(wrapping), name_(name) {
  constexpr int kGzip = 16;  // zlib's flag beside the window size; a negative size means no wrapping.
  if (inflateInit2(&stream_, wrapping == Wrapping::gzip ? MAX_WBITS + kGzip : -MAX_WBITS) != Z_OK)
    throw std::bad_alloc();
}

Inflater::~Inflater() {
  inflateEnd(&stream_);
}

bool Inflater::next_member() {
  if (packed_.empty() || wrapping_ == Wrapping::none) return false;
  if (!starts_with(packed_, "\x1f\x8b"))
    fail(Category::input, "{}: {} after the compressed data that can be no gzip", name_,
         counted(packed_.size(), "byte"));
  inflateReset(&stream_);
  ended_ = false;
  return true;
}

size_t Inflater::read_some(std::span<std::byte> out) {
  constexpr size_t kMostAtOnce = size_t{1} << 30;  // zlib counts in 32 bits.
  size_t produced = 0;
  while (produced < out.size()) {
    if (ended_ && !next_member()) break;
    const size_t room = std::min(out.size() - produced, kMostAtOnce);
    const size_t given = std::min(packed_.size(), kMostAtOnce);
    stream_.next_in = reinterpret_cast<const Bytef*>(packed_.data());
    stream_.avail_in = static_cast<uInt>(given);
    stream_.next_out = reinterpret_cast<Bytef*>(out.data() + produced);
    stream_.avail_out = static_cast<uInt>(room);
    const int result = inflate(&stream_, Z_NO_FLUSH);
    packed_ = packed_.subspan(given - stream_.avail_in);
    produced += room - stream_.avail_out;
    ended_ = result == Z_STREAM_END;
    if (result == Z_MEM_ERROR) throw std::bad_alloc();
    if (result == Z_BUF_ERROR) fail(Category::input, "{} is cut short: its compressed data end early", name_);
    if (result != Z_OK && !ended_)
      fail(Category::input, "{}: corrupt compressed data ({}); copy or save it again", name_,
           stream_.msg ? stream_.msg : "zlib gives no reason");
  }
  return produced;
}

void Inflater::read(std::span<std::byte> out) {
  const size_t produced = read_some(out);
  if (produced < out.size())
    fail(Category::input, "{} is cut short: its compressed data should hold {} and hold {}", name_,
         counted(out.size(), "byte"), grouped(produced));
}

void Inflater::expect_end() {
  std::byte extra;
  if (read_some({&extra, 1}) != 0)
    fail(Category::input, "{}: its compressed data hold more than the size it declares", name_);
  if (!packed_.empty())
    fail(Category::input, "{}: {} after the compressed data", name_, counted(packed_.size(), "byte"));
}

}  // namespace miaudit
