#include "miaudit/io/array.h"

#include <fmt/format.h>

namespace miaudit {

size_t element_size(ElementType type) {
  return with_element_type(type, []<class T>() { return sizeof(T); });
}

std::string_view element_name(ElementType type) {
  switch (type) {
    case ElementType::boolean:
      return "bool";
    case ElementType::int8:
      return "int8";
    case ElementType::int16:
      return "int16";
    case ElementType::int32:
      return "int32";
    case ElementType::int64:
      return "int64";
    case ElementType::uint8:
      return "uint8";
    case ElementType::uint16:
      return "uint16";
    case ElementType::uint32:
      return "uint32";
    case ElementType::uint64:
      return "uint64";
    case ElementType::float16:
      return "float16";
    case ElementType::float32:
      return "float32";
    case ElementType::float64:
      break;
  }
  return "float64";
}

bool is_floating(ElementType type) {
  return type == ElementType::float16 || type == ElementType::float32 || type == ElementType::float64;
}

Half to_half(double value) {
  const uint64_t bits = std::bit_cast<uint64_t>(value);
  const uint32_t sign = static_cast<uint32_t>(bits >> 48) & 0x8000u;
  const int exponent = static_cast<int>(bits >> 52 & 0x7ff) - 1023;
  const uint64_t fraction = bits & 0xfffffffffffff;
  uint32_t magnitude = 0;
  if (exponent == 1024) {
    magnitude = fraction ? 0x7e00u | static_cast<uint32_t>(fraction >> 42) : 0x7c00u;
  } else if (exponent > 15) {
    magnitude = 0x7c00u;
  } else if (exponent >= -25) {
    // Below 2^-14 the last place stays at 2^-24, so the leading one shifts into the fraction.
    const int dropped = exponent >= -14 ? 42 : 42 + (-14 - exponent);
    const uint64_t significand = fraction | uint64_t{1} << 52;
    const uint64_t half_place = uint64_t{1} << (dropped - 1);
    uint64_t kept = significand >> dropped;
    const uint64_t rest = significand & (2 * half_place - 1);
    kept += rest > half_place || (rest == half_place && (kept & 1));
    // The leading one of a normal number adds 1 to the exponent field; a carry out of the fraction does the same.
    magnitude = static_cast<uint32_t>(kept) + (exponent >= -14 ? static_cast<uint32_t>(exponent + 14) << 10 : 0);
  }
  return {static_cast<uint16_t>(sign | magnitude)};
}

namespace {

size_t product(const std::vector<size_t>& shape) {
  size_t count = 1;
  for (const size_t length : shape) count *= length;
  return count;
}

}  // namespace

size_t Array::size() const {
  return product(shape_);
}

Array Array::reshaped(std::vector<size_t> shape) const {
  check_count(shape, size());
  return Array(type_, std::move(shape), data_, owner_);
}

void Array::check_count(const std::vector<size_t>& shape, size_t count) {
  if (product(shape) != count) fail(Category::internal, "{} values do not fill shape {}", count, shape_text(shape));
}

std::string shape_text(const std::vector<size_t>& shape) {
  return shape.size() == 1 ? fmt::format("({},)", shape[0]) : fmt::format("({})", fmt::join(shape, ", "));
}

}  // namespace miaudit
