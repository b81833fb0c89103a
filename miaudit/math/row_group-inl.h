// Rows of stored values side by side: a row a lane, read class by class.
// Compiled once for each instruction set, so the guard toggles instead of closing.
#if defined(MIAUDIT_MATH_ROW_GROUP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MIAUDIT_MATH_ROW_GROUP_INL_H_
#undef MIAUDIT_MATH_ROW_GROUP_INL_H_
#else
#define MIAUDIT_MATH_ROW_GROUP_INL_H_
#endif

#include <algorithm>

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
/// Classes of a tile: with 8 rows of doubles, 8 KiB.
constexpr size_t kChunk = 128;
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

/// tile[k][i] = rows[i · stride + k] for kRows rows and `count` columns.
template <class T>
HWY_INLINE void transpose(const T* rows, size_t stride, size_t count, double* tile) {
#if HWY_TARGET != HWY_SCALAR
  if (count >= 4) {
    for (size_t k = 0; k + 4 <= count; k += 4) transpose_columns(rows + k, stride, tile + k * kRows);
    // The last step goes back so as to end at the edge; what it writes twice is the same.
    if (count % 4 != 0) transpose_columns(rows + count - 4, stride, tile + (count - 4) * kRows);
    return;
  }
#endif
  for (size_t i = 0; i < kRows; ++i) {
    for (size_t k = 0; k < count; ++k) tile[k * kRows + i] = widen(rows + i * stride + k);
  }
}

/// kRows rows of a block, seen class by class.
class Group {
 public:
  explicit Group(const RowBlock& block) : block_(block) {}

  /// Turns to rows first … first+kRows−1, all of the block.
  HWY_INLINE void seek(size_t first) {
    first_ = first;
    prefetch();
    if (block_.columns <= kChunk) fill(0, block_.columns);
    if (!block_.labels || block_.rows_per_label == 1) return;
    for (size_t i = 0; i < kRows; ++i) repeated_labels_[i] = block_.labels[(first + i) / block_.rows_per_label];
  }
  size_t columns() const { return block_.columns; }
  void set_lanes(size_t lane) { lane_ = lane; }
  /// The true classes, as numbers to compare with a count of classes.
  HWY_INLINE Vector label() const {
    return hn::PromoteTo(kDoubles, hn::LoadU(hn::Rebind<int32_t, Doubles>(), labels()));
  }
  /// z_y of each row.
  HWY_INLINE Vector label_value() const {
    Vector z;
    switch (block_.type) {
      case RowType::float16:
        z = label_value_from<hwy::float16_t>();
        break;
      case RowType::float32:
        z = label_value_from<float>();
        break;
      default:
        z = label_value_from<double>();
        break;
    }
    return block_.floor > 0 ? log_of_probability(z) : z;
  }

  /// Makes classes [begin, begin+count) readable through at(); count <= kChunk.
  HWY_INLINE void need(size_t begin, size_t count) {
    if (block_.columns > kChunk) fill(begin, count);
  }
  HWY_INLINE Vector at(size_t k) const { return hn::Load(kDoubles, tile_ + k * kRows + lane_); }

  /// visit(k, z_k) for every class in order.
  template <class Visit>
  HWY_INLINE void each(Visit visit) {
    for (size_t begin = 0; begin < block_.columns; begin += kChunk) {
      const size_t count = std::min(kChunk, block_.columns - begin);
      need(begin, count);
      for (size_t k = 0; k < count; ++k) visit(begin + k, at(k));
    }
  }

 private:
  HWY_INLINE Vector log_of_probability(Vector p) const { return hn::Log(kDoubles, hn::Max(p, constant(block_.floor))); }
  template <class T>
  HWY_INLINE Vector label_value_from() const {
    HWY_ALIGN double z[kLanes];
    const T* row = static_cast<const T*>(block_.values) + (first_ + lane_) * block_.columns;
    const int32_t* y = labels();
    for (size_t i = 0; i < kLanes; ++i, row += block_.columns) z[i] = widen(row + y[i]);
    return hn::Load(kDoubles, z);
  }
  const int32_t* labels() const {
    return (block_.rows_per_label == 1 ? block_.labels + first_ : repeated_labels_) + lane_;
  }
  /// Asks for what comes a few groups on: a page's worth ahead of the hardware's own guess, which stops at its end.
  HWY_INLINE void prefetch() const {
    constexpr size_t kAhead = 4096, kLine = 64;
    const size_t group_bytes = kRows * block_.columns * element_bytes_;
    if (group_bytes > kAhead) return;
    const char* from = static_cast<const char*>(block_.values) + first_ / kRows * group_bytes + kAhead;
    for (size_t i = 0; i < group_bytes; i += kLine) hwy::Prefetch(from + i);
  }
  void fill(size_t begin, size_t count) {
    switch (block_.type) {
      case RowType::float16:
        fill_from<hwy::float16_t>(begin, count);
        break;
      case RowType::float32:
        fill_from<float>(begin, count);
        break;
      case RowType::float64:
        fill_from<double>(begin, count);
        break;
    }
    if (block_.floor > 0) {
      for (size_t i = 0; i < count * kRows; i += kLanes) {
        hn::Store(log_of_probability(hn::Load(kDoubles, tile_ + i)), kDoubles, tile_ + i);
      }
    }
  }
  template <class T>
  void fill_from(size_t begin, size_t count) {
    const T* rows = static_cast<const T*>(block_.values) + first_ * block_.columns + begin;
    transpose(rows, block_.columns, count, tile_);
  }

  const RowBlock& block_;
  size_t element_bytes_ = block_.type == RowType::float16 ? 2 : block_.type == RowType::float32 ? 4 : 8;
  size_t first_ = 0;
  size_t lane_ = 0;
  int32_t repeated_labels_[kRows] = {};
  HWY_ALIGN double tile_[kChunk * kRows];
};

}  // namespace
}  // namespace miaudit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // MIAUDIT_MATH_ROW_GROUP_INL_H_
