// Rows of stored values side by side: a row a lane, read class by class.
// Compiled once for each instruction set, so the guard toggles instead of closing.
#if defined(MIAUDIT_MATH_ROW_GROUP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MIAUDIT_MATH_ROW_GROUP_INL_H_
#undef MIAUDIT_MATH_ROW_GROUP_INL_H_
#else
#define MIAUDIT_MATH_ROW_GROUP_INL_H_
#endif

#include "hwy/aligned_allocator.h"
#include "hwy/cache_control.h"
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
#include "miaudit/math/kernels.h"
#include "miaudit/math/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace miaudit::HWY_NAMESPACE {
namespace {

/// One value of each of a group's rows, as tiles hold them: comparing is exact in float and takes half the steps.
template <class T>
using Across = hn::CappedTag<T, 64 / sizeof(T)>;

template <class T>
using Values = hn::Vec<Across<T>>;
/// Numbers of classes, and whether each is its row's own.
template <class T>
using Classes = hn::RebindToSigned<Across<T>>;
template <class T>
using IsLabel = hn::Mask<Across<T>>;

/// As many values as a vector of doubles has lanes.
HWY_INLINE Vector load_doubles(const double* from) {
  return hn::Load(kDoubles, from);
}
HWY_INLINE Vector load_doubles(const float* from) {
  return hn::PromoteTo(kDoubles, hn::Load(hn::Rebind<float, Doubles>(), from));
}

/// A row a lane and [class][row]: what functions see of a group. They may overwrite classes: each group is read anew.
template <class T>
class Tile {
 public:
  using D = Across<T>;
  static constexpr size_t kRows = hn::MaxLanes(D());
  static constexpr size_t kParts = kRows / kLanes;  ///< Vectors of doubles that hold a value of each row.

  Tile(T* values, double* room, size_t columns, const int32_t* labels)
      : values_(values), room_(room), columns_(columns), labels_(labels) {}

  HWY_INLINE size_t columns() const { return columns_; }
  HWY_INLINE void put(size_t k, Values<T> z) const { hn::Store(z, D(), values_ + k * kRows); }
  HWY_INLINE Vector doubles(size_t k, size_t part) const { return load_doubles(values_ + k * kRows + part * kLanes); }
  /// Room for a function's own values of a class in a part.
  HWY_INLINE double* room(size_t k, size_t part) const { return room_ + k * kRows + part * kLanes; }

  /// The true classes.
  HWY_INLINE hn::Vec<Classes<T>> label() const {
    if constexpr (sizeof(T) == sizeof(int32_t)) {
      return hn::LoadU(Classes<T>(), labels_);
    } else {
      return hn::PromoteTo(Classes<T>(), hn::LoadU(hn::Rebind<int32_t, Classes<T>>(), labels_));
    }
  }

 private:
  T* values_;
  double* room_;
  size_t columns_;
  const int32_t* labels_;
};

template <class To, class From>
To widened(From value) {
  if constexpr (std::is_same_v<From, hwy::float16_t>) {
    const hn::CappedTag<hwy::float16_t, 1> half;
    return static_cast<To>(hn::GetLane(hn::PromoteTo(hn::CappedTag<float, 1>(), hn::Load(half, &value))));
  } else {
    return static_cast<To>(value);
  }
}

#if HWY_TARGET != HWY_SCALAR
/// As many neighbouring columns of a row as fill 128 bits.
template <class T>
constexpr size_t kBlock = 16 / sizeof(T);

template <class T, class Source>
HWY_INLINE hn::Vec<hn::CappedTag<T, kBlock<T>>> load_block(const Source* from) {
  const hn::CappedTag<T, kBlock<T>> block;
  const hn::Rebind<Source, decltype(block)> source;
  const hn::Rebind<float, decltype(block)> floats;
  if constexpr (std::is_same_v<T, Source>) {
    return hn::LoadU(block, from);
  } else if constexpr (sizeof(T) == 4 * sizeof(Source)) {
    return hn::PromoteTo(block, hn::PromoteTo(floats, hn::LoadU(source, from)));
  } else {
    return hn::PromoteTo(block, hn::LoadU(source, from));
  }
}

/// Rows 0, B, 2B … of a group, B columns of each: a block of B a row.
template <class D, class Source>
HWY_INLINE hn::Vec<D> load_rows(const Source* rows, size_t stride) {
  using T = hn::TFromD<D>;
  if constexpr (hn::MaxLanes(D()) == kBlock<T>) {
    return load_block<T>(rows);
  } else {
    const hn::Half<D> half;
    const size_t middle = hn::MaxLanes(half);
    return hn::Combine(D(), load_rows<decltype(half)>(rows + middle * stride, stride),
                       load_rows<decltype(half)>(rows, stride));
  }
}

/// The columns of a group's rows by B of them, each a value a row, to `take` from the `from`-th on.
template <class T, class Source, class Take>
HWY_INLINE void transpose_columns(const Source* rows, size_t stride, size_t from, const Take& take) {
  const Across<T> d;
  const auto a = load_rows<Across<T>>(rows, stride), b = load_rows<Across<T>>(rows + stride, stride);
  if constexpr (kBlock<T> == 2) {
    if (from < 1) take(0, hn::InterleaveLower(d, a, b));
    take(1, hn::InterleaveUpper(d, a, b));
  } else {
    const auto c = load_rows<Across<T>>(rows + 2 * stride, stride), e = load_rows<Across<T>>(rows + 3 * stride, stride);
    const auto ac = hn::InterleaveLower(d, a, c), be = hn::InterleaveLower(d, b, e);
    const auto ac2 = hn::InterleaveUpper(d, a, c), be2 = hn::InterleaveUpper(d, b, e);
    if (from < 1) take(0, hn::InterleaveLower(d, ac, be));
    if (from < 2) take(1, hn::InterleaveUpper(d, ac, be));
    if (from < 3) take(2, hn::InterleaveLower(d, ac2, be2));
    take(3, hn::InterleaveUpper(d, ac2, be2));
  }
}
#endif

/// take(k, values of class k), k from 0 on, of a group's rows.
template <class T, class Source, class Take>
HWY_INLINE void transpose(const Source* rows, size_t columns, const Take& take) {
#if HWY_TARGET != HWY_SCALAR
  constexpr size_t kStep = kBlock<T>;
  if (columns >= kStep) {
    size_t k = 0;
    for (; k + kStep <= columns; k += kStep)
      transpose_columns<T>(rows + k, columns, 0, [&](size_t j, auto z) HWY_ATTR { take(k + j, z); });
    // The last step goes back so as to end at the edge.
    const size_t last = columns - kStep;
    if (k < columns)
      transpose_columns<T>(rows + last, columns, k - last, [&](size_t j, auto z) HWY_ATTR { take(last + j, z); });
    return;
  }
#endif
  const Across<T> d;
  HWY_ALIGN T values[hn::MaxLanes(d)];
  for (size_t k = 0; k < columns; ++k) {
    for (size_t i = 0; i < hn::MaxLanes(d); ++i) values[i] = widened<T>(rows[i * columns + k]);
    take(k, hn::Load(d, values));
  }
}

/// Turns to one group of a block's rows after the other. A tile is small enough for the first cache at ten classes, for
/// the second at ten thousand.
template <class T, class Source>
class Groups {
 public:
  static constexpr size_t kRows = Tile<T>::kRows;

  explicit Groups(const RowBlock& block)
      : block_(block),
        tile_(hwy::AllocateAligned<T>(block.columns * kRows)),
        room_(hwy::AllocateAligned<double>(block.columns * kRows)) {}

  /// Turns to rows first … first+kRows−1, all of the block.
  HWY_INLINE Tile<T> seek(size_t first) {
    prefetch(first);
    rows_ = static_cast<const Source*>(block_.values) + first * block_.columns;
    const int32_t* labels = block_.labels;
    if (labels && block_.rows_per_label == 1) labels += first;
    if (labels && block_.rows_per_label != 1) {
      for (size_t i = 0; i < kRows; ++i) repeated_labels_[i] = block_.labels[(first + i) / block_.rows_per_label];
      labels = repeated_labels_;
    }
    return {tile_.get(), room_.get(), block_.columns, labels};
  }
  /// take(k, values of class k), k from 0 on.
  template <class Take>
  HWY_INLINE void read(const Take& take) const {
    transpose<T>(rows_, block_.columns, [&](size_t k, Values<T> z) HWY_ATTR {
      if constexpr (sizeof(T) == sizeof(double)) {
        if (block_.floor > 0) z = log_of(hn::Max(z, constant(block_.floor)));
      }
      take(k, z);
    });
  }

 private:
  /// Asks for what comes a few groups on; the hardware's own guess stops at the end of each page. The distance is
  /// measured: 1 KiB and 4 KiB were 5 and 10 % slower.
  HWY_INLINE void prefetch(size_t first) const {
    if (first >= rows_to_ask_for_) return;
    const char* from = static_cast<const char*>(block_.values) + first * row_bytes_ + kAhead;
    for (size_t i = 0; i < kRows * row_bytes_; i += kLine) hwy::Prefetch(from + i);
  }
  size_t rows_with_more_ahead() const {
    const size_t room = kRows + kAhead / row_bytes_;
    return kRows * row_bytes_ > kAhead || room > block_.rows ? 0 : block_.rows - room + 1;
  }
  HWY_NOINLINE static Vector log_of(Vector p) { return hn::Log(kDoubles, p); }

  static constexpr size_t kAhead = 4096, kLine = 64;

  const RowBlock& block_;
  const Source* rows_ = nullptr;
  const size_t row_bytes_ = block_.columns * sizeof(Source);
  const size_t rows_to_ask_for_ = rows_with_more_ahead();
  hwy::AlignedFreeUniquePtr<T[]> tile_;
  hwy::AlignedFreeUniquePtr<double[]> room_;
  int32_t repeated_labels_[kRows] = {};
};

}  // namespace
}  // namespace miaudit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // MIAUDIT_MATH_ROW_GROUP_INL_H_
