#include <algorithm>
#include <optional>

#include "miaudit/io/inflate.h"
#include "miaudit/io/npz.h"
#include "miaudit/io/raw.h"

namespace miaudit {
namespace {

// PKWARE's APPNOTE.TXT 6.3: 4.3.7 local header, 4.3.12 central header, 4.3.14–16 ends of the central directory.
constexpr std::string_view kLocal = "PK\3\4", kCentral = "PK\1\2", kEnd = "PK\5\6", kEnd64 = "PK\6\6",
                           kEnd64Locator = "PK\6\7";
constexpr size_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22, kEnd64Size = 56, kEnd64LocatorSize = 20;
constexpr uint32_t kSeeZip64 = 0xFFFFFFFF;

class ArchiveReader {
 public:
  ArchiveReader(std::span<const std::byte> bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  std::vector<ZipMember> members() {
    find_directory();
    std::vector<ZipMember> result;
    result.reserve(count_);
    size_t at = directory_;
    while (at < directory_end_) at = read_entry(at, result);
    if (result.size() != count_) corrupt("its directory lists another number of members than it says");
    check_apart();
    return result;
  }

 private:
  struct Extent {
    size_t begin, end;
  };

  [[noreturn]] void corrupt(std::string_view what) {
    fail(Category::input, "{} is a corrupt zip archive: {}; copy or save it again", name_, what);
  }
  void check_inside(uint64_t at, uint64_t size, uint64_t end) {
    if (at > end || size > end - at) corrupt("it is cut short, or a part of it lies outside the file");
  }
  std::span<const std::byte> slice(uint64_t at, uint64_t size, uint64_t end) {
    check_inside(at, size, end);
    return bytes_.subspan(at, size);
  }

  size_t find_end() {
    constexpr size_t kLongestComment = 0xFFFF;
    if (bytes_.size() < kEndSize) corrupt("it is shorter than an empty archive");
    const size_t last = bytes_.size() - kEndSize;
    for (size_t back = 0; back <= std::min(last, kLongestComment); ++back) {
      const size_t at = last - back;
      if (starts_with(bytes_.subspan(at), kEnd) && load_little<uint16_t>(bytes_, at + 20) == back) return at;
    }
    corrupt("its end is missing (cut short?)");
  }

  void find_directory() {
    size_t end = find_end();
    const auto record = bytes_.subspan(end, kEndSize);
    const uint16_t disk = load_little<uint16_t>(record, 4);
    uint64_t count = load_little<uint16_t>(record, 10);
    uint64_t size = load_little<uint32_t>(record, 12);
    uint64_t offset = load_little<uint32_t>(record, 16);
    if (end >= kEnd64LocatorSize && starts_with(bytes_.subspan(end - kEnd64LocatorSize), kEnd64Locator)) {
      const uint64_t at = load_little<uint64_t>(bytes_, end - kEnd64LocatorSize + 8);
      const auto record64 = slice(at, kEnd64Size, end - kEnd64LocatorSize);
      if (!starts_with(record64, kEnd64)) corrupt("its zip64 end is missing");
      count = load_little<uint64_t>(record64, 32);
      size = load_little<uint64_t>(record64, 40);
      offset = load_little<uint64_t>(record64, 48);
      end = at;
    } else if (disk != 0) {
      fail(Category::unsupported, "{} is one part of a zip archive in several; join them first", name_);
    }
    check_inside(offset, size, end);
    directory_ = offset;
    directory_end_ = offset + size;
    if (count > size / kCentralSize) corrupt("its directory is too short for its members");
    count_ = count;
  }

  size_t read_entry(size_t at, std::vector<ZipMember>& members) {
    const auto entry = slice(at, kCentralSize, directory_end_);
    if (!starts_with(entry, kCentral)) corrupt("its directory holds something else than members");
    const size_t name_size = load_little<uint16_t>(entry, 28);
    const size_t extra_size = load_little<uint16_t>(entry, 30);
    const size_t comment_size = load_little<uint16_t>(entry, 32);
    const auto name = slice(at + kCentralSize, name_size, directory_end_);
    const auto extra = slice(at + kCentralSize + name_size, extra_size, directory_end_);
    check_inside(at + kCentralSize + name_size + extra_size, comment_size, directory_end_);

    ZipMember member;
    member.name.assign(reinterpret_cast<const char*>(name.data()), name.size());
    member.crc = load_little<uint32_t>(entry, 16);
    uint64_t size = load_little<uint32_t>(entry, 24), packed = load_little<uint32_t>(entry, 20),
             offset = load_little<uint32_t>(entry, 42);
    read_zip64(extra, {&size, &packed, &offset});
    check_method(load_little<uint16_t>(entry, 8), load_little<uint16_t>(entry, 10), member);
    member.packed = packed_bytes(member.name, offset, packed);
    check_size(member, size);
    members.push_back(std::move(member));
    return at + kCentralSize + name_size + extra_size + comment_size;
  }

  /// Replaces each value that says so by the next one of the zip64 extra field.
  void read_zip64(std::span<const std::byte> extra, std::initializer_list<uint64_t*> values) {
    constexpr uint16_t kZip64Tag = 1;
    std::span<const std::byte> field;
    while (extra.size() >= 4) {
      const size_t length = load_little<uint16_t>(extra, 2);
      if (length > extra.size() - 4) corrupt("a member's extra fields are cut short");
      if (load_little<uint16_t>(extra, 0) == kZip64Tag) field = extra.subspan(4, length);
      extra = extra.subspan(4 + length);
    }
    for (uint64_t* value : values) {
      if (*value != kSeeZip64) continue;
      if (field.size() < 8) corrupt("a member's zip64 sizes are missing");
      *value = load_little<uint64_t>(field, 0);
      field = field.subspan(8);
    }
  }

  void check_method(uint16_t flags, uint16_t method, ZipMember& member) {
    constexpr uint16_t kEncrypted = 0x2041;  // Bits 0, 6 and 13: encrypted, strongly, with a masked directory.
    if (flags & kEncrypted)
      fail(Category::unsupported, "{}: member {} is encrypted; save the archive without a password", name_,
           printable(member.name));
    if (method != 0 && method != 8)
      fail(Category::unsupported,
           "{}: member {} is packed by method {}; miaudit reads stored (0) and deflated (8) ones", name_,
           printable(member.name), method);
    member.deflated = method == 8;
  }

  std::span<const std::byte> packed_bytes(const std::string& member, uint64_t offset, uint64_t packed) {
    const auto header = slice(offset, kLocalSize, directory_);
    if (!starts_with(header, kLocal)) corrupt("a member does not begin where the directory says");
    const size_t name_size = load_little<uint16_t>(header, 26);
    const auto own_name = slice(offset + kLocalSize, name_size, directory_);
    if (own_name.size() != member.size() || !starts_with(own_name, member))
      corrupt("a member and the directory give it different names");
    const size_t begin = offset + kLocalSize + name_size + load_little<uint16_t>(header, 28);
    const auto result = slice(begin, packed, directory_);
    extents_.push_back({static_cast<size_t>(offset), begin + static_cast<size_t>(packed)});
    return result;
  }

  void check_size(ZipMember& member, uint64_t size) {
    const size_t packed = member.packed.size();
    if (member.deflated ? size / kMostExpansion > packed : size != packed)
      fail(Category::input, "{}: member {} declares {}, which its {} packed ones cannot hold", name_,
           printable(member.name), counted(size, "byte"), grouped(packed));
    member.size = size;
  }

  /// Members that share bytes make a small file unpack to any size.
  void check_apart() {
    std::sort(extents_.begin(), extents_.end(), [](Extent a, Extent b) { return a.begin < b.begin; });
    for (size_t i = 1; i < extents_.size(); ++i)
      if (extents_[i].begin < extents_[i - 1].end) corrupt("members overlap");
  }

  std::span<const std::byte> bytes_;
  const std::string& name_;
  size_t directory_ = 0, directory_end_ = 0, count_ = 0;
  std::vector<Extent> extents_;
};

}  // namespace

std::vector<ZipMember> zip_members(std::span<const std::byte> bytes, const std::string& name) {
  return ArchiveReader(bytes, name).members();
}

}  // namespace miaudit
