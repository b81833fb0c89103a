#include "miaudit/io/raw.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <new>

namespace miaudit {

bool starts_with(std::span<const std::byte> bytes, std::string_view prefix) {
  return bytes.size() >= prefix.size() && std::memcmp(bytes.data(), prefix.data(), prefix.size()) == 0;
}

namespace {

/// Bytes of the character that text begins with (Unicode 15, table 3-7); 0 where it begins with none.
size_t character_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (text.size() < length) return 0;
  // Overlong forms, surrogates and what is past U+10FFFF are told by the second byte.
  const unsigned char least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned char most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < least || byte(1) > most) return 0;
  for (size_t i = 2; i < length; ++i)
    if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
  return length;
}

bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  // U+0080 to U+009F steer terminals too.
  return first < 0x20 || first == 0x7f || (first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0);
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = character_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string escaped(std::string_view text, size_t longest) {
  std::string result;
  for (size_t shown = 0; !text.empty(); ++shown) {
    if (shown == longest) return result + "…";
    const size_t length = character_length(text);
    const std::string_view character = text.substr(0, std::max<size_t>(length, 1));
    if (length > 0 && !is_control(character))
      result += character;
    else
      for (const char c : character) result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    text.remove_prefix(character.size());
  }
  return result;
}

std::string escaped_lines(std::string_view text) {
  std::string result;
  while (true) {
    const size_t end = text.find('\n');
    result += escaped(text.substr(0, end), text.size());
    if (end == std::string_view::npos) return result;
    result += '\n';
    text.remove_prefix(end + 1);
  }
}

std::string printable(std::string_view text, size_t longest) {
  return fmt::format("'{}'", escaped(text, longest));
}

std::shared_ptr<std::byte> allocate_bytes(size_t size) {
  constexpr std::align_val_t kAlignment{64};
  return {static_cast<std::byte*>(::operator new(size, kAlignment)),
          [](std::byte* start) { ::operator delete (start, std::align_val_t{64}); }};
}

std::optional<size_t> byte_count(ElementType type, const std::vector<size_t>& shape) {
  constexpr size_t kMost = std::numeric_limits<int64_t>::max();
  size_t product = element_size(type);
  bool empty = false;
  for (const size_t length : shape) {
    empty |= length == 0;
    const size_t factor = std::max<size_t>(length, 1);
    if (product > kMost / factor) return std::nullopt;
    product *= factor;
  }
  return empty ? 0 : product;
}

namespace {

uint8_t swapped(uint8_t word) {
  return word;
}
uint16_t swapped(uint16_t word) {
  return __builtin_bswap16(word);
}
uint32_t swapped(uint32_t word) {
  return __builtin_bswap32(word);
}
uint64_t swapped(uint64_t word) {
  return __builtin_bswap64(word);
}

template <class Word>
void swap_all(std::byte* data, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    Word word;
    std::memcpy(&word, data + i * sizeof(Word), sizeof(Word));
    word = swapped(word);
    std::memcpy(data + i * sizeof(Word), &word, sizeof(Word));
  }
}

/// Column-major `from` to row-major `to`; no axis is empty.
template <class Word>
void transpose(const std::byte* from, std::byte* to, const std::vector<size_t>& shape) {
  std::vector<size_t> stride(shape.size(), 1);
  for (size_t axis = 1; axis < shape.size(); ++axis) stride[axis] = stride[axis - 1] * shape[axis - 1];
  std::vector<size_t> index(shape.size(), 0);
  const size_t last = shape.size() - 1;
  for (size_t start = 0;;) {
    for (size_t i = 0; i < shape[last]; ++i, to += sizeof(Word))
      std::memcpy(to, from + (start + i * stride[last]) * sizeof(Word), sizeof(Word));
    size_t axis = last;
    while (axis > 0 && ++index[axis - 1] == shape[axis - 1]) {
      --axis;
      start -= (shape[axis] - 1) * stride[axis];
      index[axis] = 0;
    }
    if (axis == 0) return;
    start += stride[axis - 1];
  }
}

template <class Word>
void convert(const RawLayout& layout, bool other_order, bool reorder, std::span<const std::byte> data, std::byte* to) {
  if (data.empty()) return;
  if (reorder)
    transpose<Word>(data.data(), to, layout.shape);
  else
    std::memcpy(to, data.data(), data.size());
  if (other_order) swap_all<Word>(to, data.size() / sizeof(Word));
}

void check_booleans(std::span<const std::byte> data, const std::string& name) {
  std::byte seen{0};
  for (const std::byte value : data) seen |= value;
  if (seen <= std::byte{1}) return;
  const auto bad = std::find_if(data.begin(), data.end(), [](std::byte value) { return value > std::byte{1}; });
  fail(Category::input, "{}: element {} of the bool array is the byte {}; a bool is 0 or 1", name,
       grouped(static_cast<size_t>(bad - data.begin())), static_cast<int>(*bad));
}

}  // namespace

Array native_array(RawLayout layout, std::span<const std::byte> data, std::shared_ptr<const void> owner,
                   const std::string& name) {
  if (layout.type == ElementType::boolean) check_booleans(data, name);
  const size_t size = element_size(layout.type);
  const bool other_order = size > 1 && layout.big_endian != (std::endian::native == std::endian::big);
  const bool reorder = layout.column_major && layout.shape.size() > 1;
  const bool aligned = reinterpret_cast<uintptr_t>(data.data()) % size == 0;
  if (owner && aligned && !other_order && !reorder)
    return Array(layout.type, std::move(layout.shape), data.data(), std::move(owner));

  const std::shared_ptr<std::byte> copy = allocate_bytes(data.size());
  switch (size) {
    case 1:
      convert<uint8_t>(layout, other_order, reorder, data, copy.get());
      break;
    case 2:
      convert<uint16_t>(layout, other_order, reorder, data, copy.get());
      break;
    case 4:
      convert<uint32_t>(layout, other_order, reorder, data, copy.get());
      break;
    default:
      convert<uint64_t>(layout, other_order, reorder, data, copy.get());
  }
  return Array(layout.type, std::move(layout.shape), copy.get(), copy);
}

}  // namespace miaudit
