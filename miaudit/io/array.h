#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "miaudit/base/error.h"

namespace miaudit {

enum class ElementType { boolean, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float16, float32, float64 };

/// Bytes of one element.
size_t element_size(ElementType type);
/// NumPy's name of it: "float32".
std::string_view element_name(ElementType type);
bool is_floating(ElementType type);

/// IEEE binary16, held as its bits.
struct Half {
  uint16_t bits;
};
inline double to_double(Half half) {
  const uint32_t magnitude = half.bits & 0x7fffu;
  const float scaled = magnitude < 0x7c00u ? std::bit_cast<float>(magnitude << 13) * 0x1p112f
                                           : std::bit_cast<float>(magnitude << 13 | 0x7f800000u);
  return half.bits & 0x8000u ? -scaled : scaled;
}
/// Rounded to nearest, ties to even.
Half to_half(double value);

template <class T>
struct ElementTypeOf;
template <>
struct ElementTypeOf<bool> {
  static constexpr ElementType value = ElementType::boolean;
};
template <>
struct ElementTypeOf<int8_t> {
  static constexpr ElementType value = ElementType::int8;
};
template <>
struct ElementTypeOf<int16_t> {
  static constexpr ElementType value = ElementType::int16;
};
template <>
struct ElementTypeOf<int32_t> {
  static constexpr ElementType value = ElementType::int32;
};
template <>
struct ElementTypeOf<int64_t> {
  static constexpr ElementType value = ElementType::int64;
};
template <>
struct ElementTypeOf<uint8_t> {
  static constexpr ElementType value = ElementType::uint8;
};
template <>
struct ElementTypeOf<uint16_t> {
  static constexpr ElementType value = ElementType::uint16;
};
template <>
struct ElementTypeOf<uint32_t> {
  static constexpr ElementType value = ElementType::uint32;
};
template <>
struct ElementTypeOf<uint64_t> {
  static constexpr ElementType value = ElementType::uint64;
};
template <>
struct ElementTypeOf<Half> {
  static constexpr ElementType value = ElementType::float16;
};
template <>
struct ElementTypeOf<float> {
  static constexpr ElementType value = ElementType::float32;
};
template <>
struct ElementTypeOf<double> {
  static constexpr ElementType value = ElementType::float64;
};

/// An n-dimensional array in row-major order and this machine's byte order, whatever file it came from: either a mapped
/// file or memory of its own, shared by its copies and never written through.
class Array {
 public:
  Array() = default;
  /// `data` must hold the product of `shape` elements, aligned for them, for as long as `owner` lives.
  Array(ElementType type, std::vector<size_t> shape, const void* data, std::shared_ptr<const void> owner)
      : type_(type), shape_(std::move(shape)), data_(static_cast<const std::byte*>(data)), owner_(std::move(owner)) {}

  /// Takes the values over. `shape` must multiply to their number, or Error(internal).
  template <class T>
  static Array from(std::vector<T> values, std::vector<size_t> shape) {
    check_count(shape, values.size());
    if constexpr (std::is_same_v<T, bool>) {  // std::vector<bool> packs bits, an array holds a byte for each.
      auto owner = std::make_shared<bool[]>(values.size());
      for (size_t i = 0; i < values.size(); ++i) owner[i] = values[i];
      return Array(ElementType::boolean, std::move(shape), owner.get(), owner);
    } else {
      auto owner = std::make_shared<const std::vector<T>>(std::move(values));
      return Array(ElementTypeOf<T>::value, std::move(shape), owner->data(), owner);
    }
  }

  ElementType type() const { return type_; }
  const std::vector<size_t>& shape() const { return shape_; }
  size_t dims() const { return shape_.size(); }
  /// Length of the first axis; 1 for a scalar.
  size_t rows() const { return shape_.empty() ? 1 : shape_[0]; }
  size_t size() const;
  std::span<const std::byte> bytes() const { return {data_, size() * element_size(type_)}; }
  /// What keeps the elements alive.
  const std::shared_ptr<const void>& owner() const { return owner_; }

  /// The elements, where T is exactly type(); anything else is Error(internal).
  template <class T>
  std::span<const T> as() const {
    if (ElementTypeOf<T>::value != type_)
      fail(Category::internal, "array of {} read as {}", element_name(type_), element_name(ElementTypeOf<T>::value));
    return {reinterpret_cast<const T*>(data_), size()};
  }
  /// The same elements under another shape of the same size; of another size it is Error(internal).
  Array reshaped(std::vector<size_t> shape) const;

 private:
  static void check_count(const std::vector<size_t>& shape, size_t count);

  ElementType type_ = ElementType::float64;
  std::vector<size_t> shape_ = {0};
  const std::byte* data_ = nullptr;
  std::shared_ptr<const void> owner_;
};

/// "(60000, 28, 28)", as NumPy prints a shape.
std::string shape_text(const std::vector<size_t>& shape);

/// Calls function.template operator()<T>() with the C++ type of `type` (Half for float16).
template <class Function>
decltype(auto) with_element_type(ElementType type, Function&& function) {
  switch (type) {
    case ElementType::boolean:
      return function.template operator()<bool>();
    case ElementType::int8:
      return function.template operator()<int8_t>();
    case ElementType::int16:
      return function.template operator()<int16_t>();
    case ElementType::int32:
      return function.template operator()<int32_t>();
    case ElementType::int64:
      return function.template operator()<int64_t>();
    case ElementType::uint8:
      return function.template operator()<uint8_t>();
    case ElementType::uint16:
      return function.template operator()<uint16_t>();
    case ElementType::uint32:
      return function.template operator()<uint32_t>();
    case ElementType::uint64:
      return function.template operator()<uint64_t>();
    case ElementType::float16:
      return function.template operator()<Half>();
    case ElementType::float32:
      return function.template operator()<float>();
    case ElementType::float64:
      break;
  }
  return function.template operator()<double>();
}

}  // namespace miaudit
