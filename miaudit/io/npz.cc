#include "miaudit/io/npz.h"

#include <zlib.h>

#include <algorithm>
#include <set>
#include <vector>

#include "miaudit/io/inflate.h"
#include "miaudit/io/raw.h"

namespace miaudit {
namespace {

constexpr std::string_view kExtension = ".npy";
/// Headers that NumPy writes are far shorter.
constexpr size_t kMostHeader = size_t{1} << 16;

void check_crc(std::span<const std::byte> content, uint32_t expected, const std::string& name) {
  const uint32_t found = crc32_of(content);
  if (found != expected)
    fail(Category::input, "{} is damaged: its CRC is {:08x}, the archive says {:08x}; copy or save it again", name,
         found, expected);
}

}  // namespace

uint32_t crc32_of(std::span<const std::byte> bytes, uint32_t before) {
  // zlib takes a null pointer, as empty spans have, for a request to start anew.
  if (bytes.empty()) return before;
  return static_cast<uint32_t>(crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::vector<ZipMember> npz_members(std::span<const std::byte> bytes, const std::string& name) {
  std::vector<ZipMember> members = zip_members(bytes, name);
  std::set<std::string_view> seen;
  for (ZipMember& member : members) {
    if (member.name == "data.pkl" || member.name.ends_with("/data.pkl"))
      fail(Category::unsupported,
           "{} is a PyTorch checkpoint: it holds pickles, which can run code and are never loaded; "
           "save outputs with numpy.save(path, outputs.detach().cpu().numpy())",
           name);
    if (!member.name.ends_with(kExtension))
      fail(Category::input, "{} is a zip archive but no .npz: member {} is no .npy; save arrays with numpy.savez", name,
           printable(member.name));
    member.name.resize(member.name.size() - kExtension.size());
    if (!seen.insert(member.name).second)
      fail(Category::input, "{} holds two members named {}; give each its own name", name, printable(member.name));
  }
  return members;
}

Array npz_array(const ZipMember& member, std::shared_ptr<const void> owner, const std::string& name) {
  const std::string member_name = name + ":" + printable(member.name);
  std::span<const std::byte> content = member.packed;
  if (member.deflated) {
    Inflater inflater(member.packed, Inflater::Wrapping::none, member_name);
    // What the archive and the array say of its size must agree before there is room for it.
    std::vector<std::byte> first(std::min(member.size, kMostHeader));
    inflater.read(first);
    check_npy_header(first, member.size, member_name);
    const std::shared_ptr<std::byte> unpacked = room_to_unpack(member.size, member_name);
    std::ranges::copy(first, unpacked.get());
    inflater.read({unpacked.get() + first.size(), member.size - first.size()});
    inflater.expect_end();
    content = {unpacked.get(), member.size};
    owner = unpacked;
  }
  check_crc(content, member.crc, member_name);
  return parse_npy(content, std::move(owner), member_name);
}

std::vector<NamedArray> parse_npz(std::span<const std::byte> bytes, const std::shared_ptr<const void>& owner,
                                  const std::string& name) {
  std::vector<NamedArray> arrays;
  for (ZipMember& member : npz_members(bytes, name)) {
    Array array = npz_array(member, owner, name);
    arrays.push_back({std::move(member.name), std::move(array)});
  }
  return arrays;
}

std::vector<NamedArray> read_npz(const std::filesystem::path& path) {
  const FileBytes file = FileBytes::open(path);
  return parse_npz(file.bytes(), file.owner(), path.string());
}

}  // namespace miaudit
