// How classes are put into a tile while they are read: compared as they are stored, 16 rows of float32 at once.
// Compiled once for each instruction set, so the guard toggles instead of closing.
#if defined(MIAUDIT_MATH_SIFT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MIAUDIT_MATH_SIFT_INL_H_
#undef MIAUDIT_MATH_SIFT_INL_H_
#else
#define MIAUDIT_MATH_SIFT_INL_H_
#endif

#include <limits>

#include "hwy/highway.h"
#include "miaudit/math/row_group-inl.h"

HWY_BEFORE_NAMESPACE();
namespace miaudit::HWY_NAMESPACE {
namespace {

/// A row's classes come one after the other to a Sift, which puts them into the tile in a place of its own choice.

/// As they come.
template <class T>
struct KeepAll {
  HWY_INLINE KeepAll() {}
  HWY_INLINE void take(Tile<T> tile, size_t k, Values<T> z, IsLabel<T>) { tile.put(k, z); }
  HWY_INLINE void end(Tile<T>) {}
};

template <class T>
HWY_INLINE Values<T> below_all() {
  return hn::Set(Across<T>(), -std::numeric_limits<T>::infinity());
}

/// The largest as class 0, the others as 1 … C−1: a carried maximum pushes them down.
template <class T>
struct DropMax {
  Values<T> max;

  HWY_INLINE DropMax() : max(below_all<T>()) {}

  HWY_INLINE void take(Tile<T> tile, size_t k, Values<T> z, IsLabel<T>) {
    tile.put(k, hn::Min(max, z));
    max = hn::Max(max, z);
  }
  HWY_INLINE void end(Tile<T> tile) { tile.put(0, max); }
};

/// The largest but for class y as class 0, y as class 1, the others as 2 … C−1.
template <class T>
struct DropLabel {
  Values<T> previous, max, label;
  IsLabel<T> is_past;

  HWY_INLINE DropLabel() : previous(below_all<T>()), max(previous), label(previous), is_past(hn::Gt(max, max)) {}

  HWY_INLINE void take(Tile<T> tile, size_t k, Values<T> z, IsLabel<T> is_label) {
    const auto other = hn::IfThenElse(is_past, z, previous);
    tile.put(k, hn::Min(max, other));
    max = hn::Max(max, other);
    label = hn::IfThenElse(is_label, z, label);
    previous = z;
    is_past = hn::Or(is_past, is_label);
  }
  HWY_INLINE void end(Tile<T> tile) {
    tile.put(0, max);
    tile.put(1, label);
  }
};

/// The largest but for class y, alone.
template <class T>
struct MaxOfOthers {
  Values<T> max;

  HWY_INLINE MaxOfOthers() : max(below_all<T>()) {}

  HWY_INLINE void take(Tile<T>, size_t, Values<T> z, IsLabel<T> is_label) {
    max = hn::IfThenElse(is_label, max, hn::Max(max, z));
  }
  HWY_INLINE void end(Tile<T> tile) { tile.put(0, max); }
};

/// 1 where the first maximum is of class y, alone.
template <class T>
struct IsRight {
  Values<T> max, is_right;

  HWY_INLINE IsRight() : max(below_all<T>()), is_right(hn::Zero(Across<T>())) {}

  HWY_INLINE void take(Tile<T>, size_t, Values<T> z, IsLabel<T> is_label) {
    const auto right = hn::IfThenElseZero(is_label, hn::Set(Across<T>(), T{1}));
    is_right = hn::IfThenElse(hn::Gt(z, max), right, is_right);
    max = hn::Max(max, z);
  }
  HWY_INLINE void end(Tile<T> tile) { tile.put(0, is_right); }
};

}  // namespace
}  // namespace miaudit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // MIAUDIT_MATH_SIFT_INL_H_
