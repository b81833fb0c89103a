// Rows of stored values side by side: a row a lane, read class by class.
// Compiled once for each instruction set, so the guard toggles instead of closing.
#if defined(MIAUDIT_MATH_ROW_GROUP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MIAUDIT_MATH_ROW_GROUP_INL_H_
#undef MIAUDIT_MATH_ROW_GROUP_INL_H_
#else
#define MIAUDIT_MATH_ROW_GROUP_INL_H_
#endif

#include <algorithm>

#include "hwy/aligned_allocator.h"
#include "hwy/cache_control.h"
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
#include "miaudit/math/kernels.h"
#include "miaudit/math/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace miaudit::HWY_NAMESPACE {
namespace {

/// Rows that one tile holds side by side: as many as there are lanes, and at least the 4 that a transpose makes.
constexpr size_t kRows = std::max<size_t>(4, kLanes);

double widen(const double* value) {
  return *value;
}
double widen(const float* value) {
  return *value;
}
double widen(const hwy::float16_t* value) {
  const hn::CappedTag<hwy::float16_t, 1> half;
  return hn::GetLane(hn::PromoteTo(hn::CappedTag<float, 1>(), hn::Load(half, value)));
}

#if HWY_TARGET != HWY_SCALAR
using Quad = hn::CappedTag<float, 4>;
HWY_INLINE hn::Vec<Quad> load_quad(const float* from) {
  return hn::LoadU(Quad(), from);
}
HWY_INLINE hn::Vec<Quad> load_quad(const hwy::float16_t* from) {
  return hn::PromoteTo(Quad(), hn::LoadU(hn::CappedTag<hwy::float16_t, 4>(), from));
}
template <class Floats>
HWY_INLINE void store_quad(Floats v, double* to) {
  const hn::CappedTag<double, 4> wide;
  if constexpr (hn::MaxLanes(wide) == 4) {
    hn::Store(hn::PromoteTo(wide, v), wide, to);
  } else {
    const hn::CappedTag<double, 2> pair;
    hn::StoreU(hn::PromoteTo(pair, hn::LowerHalf(v)), pair, to);
    hn::StoreU(hn::PromoteTo(pair, hn::UpperHalf(hn::CappedTag<float, 2>(), v)), pair, to + 2);
  }
}
/// kRows rows by four columns into four tile rows of doubles; `rows` lie `stride` apart.
template <class T>
HWY_INLINE void transpose_columns(const T* rows, size_t stride, double* tile) {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
  const hn::Full512<float> full;
  const hn::Full256<float> half;
  const hn::Full512<uint64_t> pairs;
  const auto load = [&](size_t r) HWY_ATTR { return load_quad(rows + r * stride); };
  const auto even = hn::Combine(full, hn::Combine(half, load(6), load(4)), hn::Combine(half, load(2), load(0)));
  const auto odd = hn::Combine(full, hn::Combine(half, load(7), load(5)), hn::Combine(half, load(3), load(1)));
  // Of each two rows: column 0 and column 1, 2 and 3.
  const auto columns01 = hn::BitCast(pairs, hn::InterleaveLower(full, even, odd));
  const auto columns23 = hn::BitCast(pairs, hn::InterleaveUpper(full, even, odd));
  const auto columns02 = hn::BitCast(full, hn::ConcatEven(pairs, columns23, columns01));
  const auto columns13 = hn::BitCast(full, hn::ConcatOdd(pairs, columns23, columns01));
  hn::Store(hn::PromoteTo(kDoubles, hn::LowerHalf(columns02)), kDoubles, tile);
  hn::Store(hn::PromoteTo(kDoubles, hn::LowerHalf(columns13)), kDoubles, tile + kRows);
  hn::Store(hn::PromoteTo(kDoubles, hn::UpperHalf(half, columns02)), kDoubles, tile + 2 * kRows);
  hn::Store(hn::PromoteTo(kDoubles, hn::UpperHalf(half, columns13)), kDoubles, tile + 3 * kRows);
#else
  const Quad quad;
  for (size_t r = 0; r < kRows; r += 4, rows += 4 * stride, tile += 4) {
    const auto a = load_quad(rows), b = load_quad(rows + stride);
    const auto c = load_quad(rows + 2 * stride), d = load_quad(rows + 3 * stride);
    const auto ac = hn::InterleaveLower(quad, a, c), bd = hn::InterleaveLower(quad, b, d);
    store_quad(hn::InterleaveLower(quad, ac, bd), tile);
    store_quad(hn::InterleaveUpper(quad, ac, bd), tile + kRows);
    const auto ac2 = hn::InterleaveUpper(quad, a, c), bd2 = hn::InterleaveUpper(quad, b, d);
    store_quad(hn::InterleaveLower(quad, ac2, bd2), tile + 2 * kRows);
    store_quad(hn::InterleaveUpper(quad, ac2, bd2), tile + 3 * kRows);
  }
#endif
}
HWY_INLINE void transpose_columns(const double* rows, size_t stride, double* tile) {
  const hn::CappedTag<double, 2> pair;
  for (size_t r = 0; r < kRows; r += 2) {
    const double* upper = rows + r * stride;
    for (size_t k = 0; k < 4; k += 2) {
      const auto a = hn::LoadU(pair, upper + k), b = hn::LoadU(pair, upper + stride + k);
      hn::StoreU(hn::InterleaveLower(pair, a, b), pair, tile + k * kRows + r);
      hn::StoreU(hn::InterleaveUpper(pair, a, b), pair, tile + (k + 1) * kRows + r);
    }
  }
}
#endif

/// tile[k][i] = rows[i · columns + k] for kRows rows.
template <class T>
HWY_INLINE void transpose(const T* rows, size_t columns, double* tile) {
#if HWY_TARGET != HWY_SCALAR
  if (columns >= 4) {
    for (size_t k = 0; k + 4 <= columns; k += 4) transpose_columns(rows + k, columns, tile + k * kRows);
    // The last step goes back so as to end at the edge; what it writes twice is the same.
    if (columns % 4 != 0) transpose_columns(rows + columns - 4, columns, tile + (columns - 4) * kRows);
    return;
  }
#endif
  for (size_t i = 0; i < kRows; ++i) {
    for (size_t k = 0; k < columns; ++k) tile[k * kRows + i] = widen(rows + i * columns + k);
  }
}

/// kRows rows of a block as doubles, [class][row]. Small enough for the first cache at ten classes, for the second at
/// ten thousand. Functions may overwrite a lane's classes: each group is read anew.
class Group {
 public:
  explicit Group(const RowBlock& block) : block_(block), tile_(hwy::AllocateAligned<double>(block.columns * kRows)) {}

  /// Turns to rows first … first+kRows−1, all of the block.
  HWY_INLINE void seek(size_t first) {
    prefetch(first);
    switch (block_.type) {
      case RowType::float16:
        fill<hwy::float16_t>(first);
        break;
      case RowType::float32:
        fill<float>(first);
        break;
      case RowType::float64:
        fill<double>(first);
        break;
    }
    if (block_.floor > 0) take_logs();
    labels_ = block_.labels + first;
    if (!block_.labels || block_.rows_per_label == 1) return;
    for (size_t i = 0; i < kRows; ++i) repeated_labels_[i] = block_.labels[(first + i) / block_.rows_per_label];
    labels_ = repeated_labels_;
  }
  /// Chooses kLanes of the rows for all that follows.
  void set_lanes(size_t lane) { lane_ = lane; }

  size_t columns() const { return block_.columns; }
  HWY_INLINE Vector at(size_t k) const { return hn::Load(kDoubles, tile_.get() + k * kRows + lane_); }
  HWY_INLINE void put(size_t k, Vector z) { hn::Store(z, kDoubles, tile_.get() + k * kRows + lane_); }

  /// The true classes, as numbers to compare with a count of classes.
  HWY_INLINE Vector label() const { return hn::PromoteTo(kDoubles, labels()); }
  /// z_y, while the classes are where they were.
  HWY_INLINE Vector label_value() const {
    const hn::RebindToSigned<Doubles> integers;
    const auto offset =
        hn::Add(hn::Mul(hn::PromoteTo(integers, labels()), hn::Set(integers, int64_t{kRows})), hn::Iota(integers, 0));
    return hn::GatherIndex(kDoubles, tile_.get() + lane_, offset);
  }

 private:
  using Labels = hn::Rebind<int32_t, Doubles>;
  HWY_INLINE hn::Vec<Labels> labels() const { return hn::LoadU(Labels(), labels_ + lane_); }

  /// Asks for what comes a few groups on; the hardware's own guess stops at the end of each page. The distance is
  /// measured: 1 KiB and 4 KiB were 5 and 10 % slower.
  HWY_INLINE void prefetch(size_t first) const {
    constexpr size_t kAhead = 2048, kLine = 64;
    const size_t bytes = block_.type == RowType::float16 ? 2 : block_.type == RowType::float32 ? 4 : 8;
    const size_t row_bytes = block_.columns * bytes;
    if (kRows * row_bytes > kAhead || first + kRows + kAhead / row_bytes > block_.rows) return;
    const char* from = static_cast<const char*>(block_.values) + first * row_bytes + kAhead;
    for (size_t i = 0; i < kRows * row_bytes; i += kLine) hwy::Prefetch(from + i);
  }
  template <class T>
  HWY_INLINE void fill(size_t first) {
    transpose(static_cast<const T*>(block_.values) + first * block_.columns, block_.columns, tile_.get());
  }
  HWY_NOINLINE void take_logs() {
    for (size_t i = 0; i < block_.columns * kRows; i += kLanes) {
      const Vector p = hn::Max(hn::Load(kDoubles, tile_.get() + i), constant(block_.floor));
      hn::Store(hn::Log(kDoubles, p), kDoubles, tile_.get() + i);
    }
  }

  const RowBlock& block_;
  hwy::AlignedFreeUniquePtr<double[]> tile_;
  size_t lane_ = 0;
  const int32_t* labels_ = nullptr;
  int32_t repeated_labels_[kRows] = {};
};

}  // namespace
}  // namespace miaudit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // MIAUDIT_MATH_ROW_GROUP_INL_H_
