#define ZLIB_CONST
#include <zlib.h>

#include <algorithm>
#include <new>
#include <set>

#include "miaudit/io/npz.h"

namespace miaudit {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

template <class T>
void put(std::string& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}
void put16(std::string& out, uint64_t value) {
  put(out, static_cast<uint16_t>(value));
}
void put32(std::string& out, uint64_t value) {
  put(out, static_cast<uint32_t>(value));
}

/// Raw deflate of what is fed, handed on in blocks.
class Deflater {
 public:
  explicit Deflater(OutputFile& file) : file_(file) {
    if (deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc();
  }
  ~Deflater() { deflateEnd(&stream_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  void feed(std::span<const std::byte> bytes, bool last) {
    constexpr size_t kMostAtOnce = size_t{1} << 30;  // zlib counts in 32 bits.
    do {
      const size_t given = std::min(bytes.size(), kMostAtOnce);
      stream_.next_in = reinterpret_cast<const Bytef*>(bytes.data());
      stream_.avail_in = static_cast<uInt>(given);
      bytes = bytes.subspan(given);
      drain(last && bytes.empty() ? Z_FINISH : Z_NO_FLUSH);
    } while (!bytes.empty());
  }
  uint64_t written() const { return written_; }

 private:
  void drain(int flush) {
    std::vector<std::byte> block(size_t{1} << 16);
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(block.data());
      stream_.avail_out = static_cast<uInt>(block.size());
      deflate(&stream_, flush);
      const size_t made = block.size() - stream_.avail_out;
      file_.write(std::span(block).first(made));
      written_ += made;
    } while (stream_.avail_out == 0);
  }

  OutputFile& file_;
  z_stream stream_{};
  uint64_t written_ = 0;
};

class ArchiveWriter {
 public:
  ArchiveWriter(OutputFile& file, Compression compression, uint64_t zip64_from)
      : file_(file), deflated_(compression == Compression::deflated), zip64_from_(zip64_from) {}

  void add(const NamedArray& named) {
    const std::string header = npy_header(named.array.type(), named.array.shape());
    const std::span<const std::byte> data = named.array.bytes();
    Entry entry{named.name + ".npy", offset_, header.size() + data.size(), 0, 0};
    entry.packed = entry.size;
    entry.crc = crc32_of(data, crc32_of(bytes_of(header)));

    put_local_header(entry);
    if (deflated_) {
      Deflater deflater(file_);
      deflater.feed(bytes_of(header), false);
      deflater.feed(data, true);
      entry.packed = deflater.written();
      offset_ += entry.packed;
      put_descriptor(entry);
    } else {
      file_.write(header);
      file_.write(data);
      offset_ += entry.size;
    }
    entries_.push_back(std::move(entry));
  }

  void finish() {
    const uint64_t begin = offset_;
    for (const Entry& entry : entries_) put_central_header(entry);
    put_end(begin, offset_ - begin);
  }

 private:
  struct Entry {
    std::string name;
    uint64_t offset, size, packed;
    uint32_t crc;
  };
  static constexpr uint32_t kSeeZip64 = 0xFFFFFFFF;
  static constexpr uint16_t kVersion = 45, kZip64Tag = 1, kFirstDay = 0x21;  // zip64's version; 1 January 1980

  bool is_big(uint64_t value) const { return value >= zip64_from_; }
  void emit(const std::string& record) {
    file_.write(record);
    offset_ += record.size();
  }

  /// Version, flags, method, time and date: fixed, so that the same arrays make the same bytes.
  void put_common(std::string& out, const Entry& entry) const {
    const bool ascii = std::all_of(entry.name.begin(), entry.name.end(), [](char c) { return (c & 0x80) == 0; });
    put16(out, kVersion);
    // Bit 3: sizes follow the data, which pass through once. Bit 11: the name is UTF-8.
    put16(out, (deflated_ ? 0x0008u : 0u) | (ascii ? 0u : 0x0800u));
    put16(out, deflated_ ? 8 : 0);
    put16(out, 0);
    put16(out, kFirstDay);
  }

  void put_local_header(const Entry& entry) {
    const bool big = is_big(entry.size);
    std::string out = "PK\3\4";
    put_common(out, entry);
    put32(out, deflated_ ? 0 : entry.crc);
    for (int i = 0; i < 2; ++i) put32(out, big ? kSeeZip64 : deflated_ ? 0 : entry.size);
    put16(out, entry.name.size());
    put16(out, big ? 20 : 0);
    out += entry.name;
    if (big) {
      put16(out, kZip64Tag);
      put16(out, 16);
      for (int i = 0; i < 2; ++i) put<uint64_t>(out, deflated_ ? 0 : entry.size);
    }
    emit(out);
  }

  void put_descriptor(const Entry& entry) {
    std::string out = "PK\7\b";
    put32(out, entry.crc);
    if (is_big(entry.size)) {
      put<uint64_t>(out, entry.packed);
      put<uint64_t>(out, entry.size);
    } else {
      put32(out, entry.packed);
      put32(out, entry.size);
    }
    emit(out);
  }

  void put_central_header(const Entry& entry) {
    constexpr uint16_t kUnix = 3;
    constexpr uint32_t kOwnerOnly = 0100600u << 16;
    std::string extra;
    const auto narrow = [&](uint64_t value, bool big) {
      if (big) put<uint64_t>(extra, value);
      return big ? kSeeZip64 : value;
    };
    // Sizes go together, in the order in which the extra field must list them.
    const uint64_t size = narrow(entry.size, is_big(entry.size));
    const uint64_t packed = narrow(entry.packed, is_big(entry.size));
    const uint64_t offset = narrow(entry.offset, is_big(entry.offset));
    std::string out = "PK\1\2";
    put16(out, kUnix << 8 | kVersion);
    put_common(out, entry);
    put32(out, entry.crc);
    put32(out, packed);
    put32(out, size);
    put16(out, entry.name.size());
    put16(out, extra.empty() ? 0 : extra.size() + 4);
    put16(out, 0);  // comment
    put16(out, 0);  // disk
    put16(out, 0);  // internal attributes
    put32(out, kOwnerOnly);
    put32(out, offset);
    out += entry.name;
    if (!extra.empty()) {
      put16(out, kZip64Tag);
      put16(out, extra.size());
    }
    emit(out + extra);
  }

  void put_end(uint64_t begin, uint64_t size) {
    const uint64_t count = entries_.size(), at = offset_;
    const bool big = is_big(begin) || is_big(size) || count >= 0xFFFF;
    std::string out;
    if (big) {
      out += "PK\6\6";
      put<uint64_t>(out, 44);  // bytes that follow
      put16(out, kVersion);
      put16(out, kVersion);
      put32(out, 0);
      put32(out, 0);
      for (const uint64_t value : {count, count, size, begin}) put(out, value);
      out += "PK\6\7";
      put32(out, 0);
      put(out, at);
      put32(out, 1);
    }
    out += "PK\5\6";
    put32(out, 0);
    for (int i = 0; i < 2; ++i) put16(out, big ? 0xFFFF : count);
    put32(out, big ? kSeeZip64 : size);
    put32(out, big ? kSeeZip64 : begin);
    put16(out, 0);
    emit(out);
  }

  OutputFile& file_;
  bool deflated_;
  uint64_t zip64_from_;
  uint64_t offset_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace

void write_npz(OutputFile& file, const std::vector<NamedArray>& arrays, Compression compression, uint64_t zip64_from) {
  constexpr size_t kLongestName = 0xFFFF - 4;
  std::set<std::string_view> seen;
  ArchiveWriter archive(file, compression, zip64_from);
  for (const NamedArray& named : arrays) {
    if (named.name.empty() || named.name.size() > kLongestName || !seen.insert(named.name).second)
      fail(Category::internal, "an .npz member's name is empty, too long or given twice: '{}'", named.name);
    archive.add(named);
  }
  archive.finish();
}

void write_npz(const std::filesystem::path& path, const std::vector<NamedArray>& arrays, Compression compression) {
  OutputFile file(path);
  write_npz(file, arrays, compression);
  file.commit();
}

}  // namespace miaudit
