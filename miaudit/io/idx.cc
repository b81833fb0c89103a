#include <fmt/format.h>

#include <utility>

#include "miaudit/io/file.h"
#include "miaudit/io/formats.h"
#include "miaudit/io/inflate.h"
#include "miaudit/io/raw.h"

namespace miaudit {
namespace {

// http://yann.lecun.com/exdb/mnist/: two zero bytes, the type, the number of axes, each axis' length, the elements.
constexpr size_t kMagicSize = 4;

RawLayout parse_magic(std::span<const std::byte> magic, const std::string& name) {
  static constexpr std::pair<uint8_t, ElementType> kTypes[] = {
      {0x08, ElementType::uint8}, {0x09, ElementType::int8},    {0x0B, ElementType::int16},
      {0x0C, ElementType::int32}, {0x0D, ElementType::float32}, {0x0E, ElementType::float64}};
  const size_t dims = static_cast<size_t>(magic[3]);
  if (load_big<uint16_t>(magic, 0) == 0 && dims >= 1 && dims <= kMaxDims)
    for (const auto& [code, type] : kTypes)
      if (code == static_cast<uint8_t>(magic[2])) return {type, std::vector<size_t>(dims), true, false};
  fail(Category::input,
       "{} is no .idx file: it begins with {:08x}; expected 0000, a type (08, 09, 0b–0e) and 1 to {} axes", name,
       load_big<uint32_t>(magic, 0), kMaxDims);
}

/// Reads the axes' lengths into `layout` and returns the bytes its elements take.
size_t parse_lengths(std::span<const std::byte> lengths, RawLayout& layout, const std::string& name) {
  for (size_t axis = 0; axis < layout.shape.size(); ++axis) layout.shape[axis] = load_big<uint32_t>(lengths, 4 * axis);
  const std::optional<size_t> needed = byte_count(layout.type, layout.shape);
  if (!needed)
    fail(Category::input, "{}: shape {} is more than any machine can hold; the file is corrupt", name,
         shape_text(layout.shape));
  return *needed;
}

Array parse_plain(std::span<const std::byte> bytes, const std::string& name) {
  if (bytes.size() < kMagicSize) fail(Category::input, "{} is cut short: an .idx file has at least 8 bytes", name);
  RawLayout layout = parse_magic(bytes.first(kMagicSize), name);
  const size_t header = kMagicSize + 4 * layout.shape.size();
  if (bytes.size() < header) fail(Category::input, "{} is cut short: it ends inside its .idx header", name);
  const size_t needed = parse_lengths(bytes.subspan(kMagicSize), layout, name);
  if (bytes.size() - header != needed)
    fail(Category::input, "{}: shape {} of {} needs {} of data, but it holds {}; copy or save it again", name,
         shape_text(layout.shape), element_name(layout.type), counted(needed, "byte"), grouped(bytes.size() - header));
  return native_array(std::move(layout), bytes.subspan(header), nullptr, name);
}

Array parse_gzip(std::span<const std::byte> bytes, const std::string& name) {
  Inflater inflater(bytes, Inflater::Wrapping::gzip, name);
  std::byte header[kMagicSize + 4 * kMaxDims];
  inflater.read({header, kMagicSize});
  RawLayout layout = parse_magic({header, kMagicSize}, name);
  const std::span<std::byte> lengths(header + kMagicSize, 4 * layout.shape.size());
  inflater.read(lengths);
  const size_t needed = parse_lengths(lengths, layout, name);
  if (needed / kMostExpansion > bytes.size())
    fail(Category::input, "{}: shape {} needs {}, which the file's {} compressed ones cannot hold", name,
         shape_text(layout.shape), counted(needed, "byte"), grouped(bytes.size()));
  const std::shared_ptr<std::byte> data = room_to_unpack(needed, name);
  inflater.read({data.get(), needed});
  inflater.expect_end();
  return native_array(std::move(layout), {data.get(), needed}, data, name);
}

}  // namespace

Array parse_idx(std::span<const std::byte> bytes, const std::string& name) {
  return starts_with(bytes, "\x1f\x8b") ? parse_gzip(bytes, name) : parse_plain(bytes, name);
}

Array read_idx(const std::filesystem::path& path) {
  return parse_idx(FileBytes::open(path).bytes(), path.string());
}

}  // namespace miaudit
