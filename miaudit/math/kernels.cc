#include "miaudit/math/kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>

// Four targets are enough: plain C++, SSE4, AVX2, AVX-512 (and NEON on Arm); each costs compile time.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "miaudit/math/kernels.cc"
#include "hwy/foreach_target.h"  // must come before highway.h
#include "hwy/highway.h"
#include "hwy/contrib/math/math-inl.h"
#include "hwy/cache_control.h"

HWY_BEFORE_NAMESPACE();
namespace miaudit::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::CappedTag<double, 8>;
using Vector = hn::Vec<Doubles>;
constexpr Doubles kDoubles;
constexpr size_t kLanes = hn::MaxLanes(kDoubles);
/// Rows that one tile holds side by side: as many as there are lanes, and at least the 4 that a transpose makes.
constexpr size_t kRows = std::max<size_t>(4, kLanes);
/// Classes of a tile: with 8 rows of doubles, 8 KiB.
constexpr size_t kChunk = 128;
/// Marks a row as left to the scalar code.
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr bool kFusedMultiplyAdd = HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL;

HWY_INLINE Vector constant(double value) { return hn::Set(kDoubles, value); }

/// The polynomial with these coefficients, the highest power first.
template <size_t N>
HWY_INLINE Vector polynomial(const double (&coefficients)[N], Vector x) {
  Vector sum = constant(coefficients[0]);
  for (size_t i = 1; i < N; ++i) sum = hn::MulAdd(sum, x, constant(coefficients[i]));
  return sum;
}

// ln 2 in two parts, the first with trailing zeros: small integers times it are exact even without a fused multiply-add.
constexpr double kLn2High = 0x1.62e42feep-1, kLn2Low = 0x1.a39ef35793c76p-33;
// The polynomials below are Chebyshev interpolants, computed in 80 digits; relative errors are below 3e-17.

/// e^x for x <= 0, within 1 ulp; e^kLowest for all x below that.
constexpr double kLowest = -708;
HWY_INLINE Vector exp_nonpositive(Vector x) {
  // (e^r − 1)/r for |r| <= ln2/2.
  constexpr double kTerms[] = {0x1.af4de97ca4194p-26, 0x1.28a2ca617b969p-22, 0x1.71de0231960ebp-19,
                               0x1.a019a6611cad5p-16, 0x1.a01a01abe7fe1p-13, 0x1.6c16c17f46982p-10,
                               0x1.11111111100dcp-7,  0x1.55555555520a4p-5,  0x1.5555555555557p-3,
                               0x1.0000000000005p-1,  1};
  const hn::RebindToSigned<Doubles> integers;
  x = hn::Max(x, constant(kLowest));
  const Vector magic = constant(0x1.8p52);  // adding it rounds to an integer, left in the low bits
  const Vector shifted = hn::MulAdd(x, constant(0x1.71547652b82fep0), magic);
  const Vector n = hn::Sub(shifted, magic);
  const Vector r = hn::NegMulAdd(n, constant(kLn2Low), hn::NegMulAdd(n, constant(kLn2High), x));
  const Vector e = hn::MulAdd(polynomial(kTerms, r), r, constant(1));
  const auto exponent = hn::ShiftLeft<52>(hn::BitCast(integers, shifted));
  return hn::BitCast(kDoubles, hn::Add(hn::BitCast(integers, e), exponent));
}

/// ln x for finite x >= 1, within 3 ulp.
HWY_INLINE Vector log_from_1(Vector x) {
  // (artanh(u)/u − 1)/u² by u² for |u| <= (√2 − 1)/(√2 + 1).
  constexpr double kTerms[] = {0x1.2b5b5fb2eac92p-4, 0x1.39fe208c33457p-4, 0x1.7462b69705382p-4, 0x1.c71c62debf86bp-4,
                               0x1.2492492df6947p-3, 0x1.99999999952b2p-3, 0x1.5555555555558p-2};
  const hn::RebindToUnsigned<Doubles> integers;
  const auto bits = hn::BitCast(integers, x);
  // x = 2^n · m with m in [√½, √2).
  const auto n = hn::ShiftRight<52>(hn::Sub(bits, hn::Set(integers, 0x3fe6a09e667f3bcd)));
  const Vector m = hn::BitCast(kDoubles, hn::Sub(bits, hn::ShiftLeft<52>(n)));
  const Vector two52 = constant(0x1p52);
  const Vector exponent = hn::Sub(hn::BitCast(kDoubles, hn::Or(n, hn::BitCast(integers, two52))), two52);
  const Vector u = hn::Div(hn::Sub(m, constant(1)), hn::Add(m, constant(1))), u2 = hn::Mul(u, u);
  const Vector twice = hn::Add(u, u);
  const Vector tail = hn::MulAdd(hn::Mul(twice, u2), polynomial(kTerms, u2), hn::Mul(exponent, constant(kLn2Low)));
  return hn::Add(hn::MulAdd(exponent, constant(kLn2High), twice), tail);
}

/// ln(1 + x) for finite x >= 0, within 4 ulp.
HWY_INLINE Vector log1p_nonnegative(Vector x) {
  const Vector one = constant(1), y = hn::Add(x, one);
  // What 1 + x lost to rounding matters, and is its own logarithm's share, only where x < 1.
  const Vector lost = hn::Sub(x, hn::Sub(y, one));
  return hn::Add(log_from_1(y), hn::IfThenElseZero(hn::Lt(x, one), lost));
}

/// −ln(1 − p) for 0 <= p <= ½, within 3 ulp.
HWY_INLINE Vector minus_log_complement(Vector p) {
  constexpr double kTerms[] = {
      0x1.a75c1c5ee9183p+4,  -0x1.be01a59b3ddc0p+6, 0x1.be3fac8a84b05p+7,  -0x1.1595f1165d062p+8, 0x1.df46bfd821e40p+7,
      -0x1.2eee59b672633p+7, 0x1.2255cf8e61639p+6,  -0x1.aae3bbcdfe8efp+4, 0x1.f0ae22e19c32fp+2,  -0x1.a4205d520fa45p+0,
      0x1.923a3db257b9ap-2,  0x1.e3c2e7ee3503bp-5,  0x1.d885daf40a028p-4,  0x1.fea4523feb86ep-4,  0x1.249c34516c26fp-3,
      0x1.5554ef584f8d0p-3,  0x1.99999c5392d75p-3,  0x1.fffffff49b503p-3,  0x1.5555555561e92p-2,  0x1.fffffffffff50p-2,
      1};
  return hn::Mul(p, polynomial(kTerms, p));
}

/// a/b rounded to nearest, for 0 <= a <= b and 2^-900 <= b <= 2^900, given inverse = 1/b rounded to nearest (Markstein
/// 1990, doi:10.1147/rd.341.0111): two exact remainders in place of a division, which takes four times as long.
HWY_INLINE Vector divide(Vector a, Vector b, Vector inverse) {
  if constexpr (!kFusedMultiplyAdd) return hn::Div(a, b);
  Vector q = hn::Mul(a, inverse);
  q = hn::MulAdd(hn::NegMulAdd(q, b, a), inverse, q);
  return hn::MulAdd(hn::NegMulAdd(q, b, a), inverse, q);
}

double widen(const double* value) { return *value; }
double widen(const float* value) { return *value; }
double widen(const hwy::float16_t* value) {
  const hn::CappedTag<hwy::float16_t, 1> half;
  return hn::GetLane(hn::PromoteTo(hn::CappedTag<float, 1>(), hn::Load(half, value)));
}

#if HWY_TARGET != HWY_SCALAR
using Quad = hn::CappedTag<float, 4>;
HWY_INLINE hn::Vec<Quad> load_quad(const float* from) { return hn::LoadU(Quad(), from); }
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
      case RowType::float16: z = label_value_from<hwy::float16_t>(); break;
      case RowType::float32: z = label_value_from<float>(); break;
      default: z = label_value_from<double>(); break;
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
  HWY_INLINE Vector log_of_probability(Vector p) const {
    return hn::Log(kDoubles, hn::Max(p, constant(block_.floor)));
  }
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
      case RowType::float16: fill_from<hwy::float16_t>(begin, count); break;
      case RowType::float32: fill_from<float>(begin, count); break;
      case RowType::float64: fill_from<double>(begin, count); break;
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

HWY_INLINE Vector find_max(Group& group) {
  Vector max = constant(std::numeric_limits<double>::lowest());
  group.each([&](size_t, Vector z) HWY_ATTR { max = hn::Max(max, z); });
  return max;
}

/// visit(z_k) for every class but one that has the maximum: a carried maximum lets all others pass, in C − 1 steps.
template <class Visit>
HWY_INLINE void each_below_max(Group& group, Visit visit) {
  Vector carried = hn::Zero(kDoubles);
  group.each([&](size_t k, Vector z) HWY_ATTR {
    if (k == 0) {
      carried = z;
      return;
    }
    visit(hn::Min(carried, z));
    carried = hn::Max(carried, z);
  });
}

/// Σ exp(z_k − max) over all classes but one maximum.
HWY_INLINE Vector sum_below_max(Group& group, Vector max) {
  Vector sum = hn::Zero(kDoubles);
  each_below_max(group, [&](Vector z) HWY_ATTR { sum = hn::Add(sum, exp_nonpositive(hn::Sub(z, max))); });
  return sum;
}

/// Every function works in two steps: reduce() runs over a group's classes and finish() makes the value of what it found.
/// Apart, because what finish() waits for in one group (a division, a logarithm) is done at once for many.
struct Pair {
  Vector first, second;
};

/// Leaves rows to the scalar code whose sum is so small that terms below e^kLowest may be in it.
HWY_INLINE Vector unless_vanishing(Vector sum, Vector value) {
  return hn::IfThenElse(hn::Ge(sum, constant(1e-290)), value, constant(kNan));
}

struct Loss {
  HWY_INLINE static Pair reduce(Group& group) {
    const Vector max = find_max(group);
    return {hn::Sub(max, group.label_value()), sum_below_max(group, max)};
  }
  HWY_INLINE static Vector finish(Pair found) {
    return unless_vanishing(found.second, hn::Add(found.first, log1p_nonnegative(found.second)));
  }
};

struct Confidence {
  HWY_INLINE static Pair reduce(Group& group) { return Loss::reduce(group); }
  HWY_INLINE static Vector finish(Pair found) {
    const Vector p = hn::Div(exp_nonpositive(hn::Neg(found.first)), hn::Add(constant(1), found.second));
    return hn::IfThenElse(hn::Le(found.first, constant(-kLowest)), p, constant(kNan));
  }
};

struct MaxProbability {
  HWY_INLINE static Pair reduce(Group& group) {
    const Vector sum = sum_below_max(group, find_max(group));
    return {sum, sum};
  }
  HWY_INLINE static Vector finish(Pair found) { return hn::Div(constant(1), hn::Add(constant(1), found.first)); }
};

/// z_y, and the largest of the others.
HWY_INLINE Pair find_rivals(Group& group) {
  const Vector y = group.label();
  Vector k = hn::Zero(kDoubles), label = k, max = constant(std::numeric_limits<double>::lowest());
  group.each([&](size_t, Vector z) HWY_ATTR {
    const auto is_label = hn::Eq(k, y);
    label = hn::IfThenElse(is_label, z, label);
    max = hn::IfThenElse(is_label, max, hn::Max(max, z));
    k = hn::Add(k, constant(1));
  });
  return {label, max};
}

struct Margin {
  HWY_INLINE static Pair reduce(Group& group) { return find_rivals(group); }
  HWY_INLINE static Vector finish(Pair found) { return hn::Sub(found.first, found.second); }
};

struct RescaledLogit {
  HWY_INLINE static Pair reduce(Group& group) {
    const Pair found = find_rivals(group);
    const Vector y = group.label();
    Vector sum = hn::Zero(kDoubles), previous = sum, k_vector = sum;
    // All but class y in C − 1 steps: up to y the class before, after it the class itself.
    group.each([&](size_t k, Vector z) HWY_ATTR {
      if (k != 0) {
        const Vector other = hn::IfThenElse(hn::Le(k_vector, y), previous, z);
        sum = hn::Add(sum, exp_nonpositive(hn::Sub(other, found.second)));
      }
      previous = z;
      k_vector = hn::Add(k_vector, constant(1));
    });
    return {hn::Sub(found.first, found.second), sum};
  }
  HWY_INLINE static Vector finish(Pair found) { return hn::Sub(found.first, log_from_1(found.second)); }
};

struct Entropy {
  HWY_INLINE static Pair reduce(Group& group) {
    const Vector max = find_max(group);
    Vector sum = hn::Zero(kDoubles), weighted = sum;
    each_below_max(group, [&](Vector z) HWY_ATTR {
      const Vector gap = hn::Sub(z, max), e = exp_nonpositive(gap);
      sum = hn::Add(sum, e);
      weighted = hn::NegMulAdd(gap, e, weighted);
    });
    return {sum, weighted};
  }
  HWY_INLINE static Vector finish(Pair found) {
    const Vector rest = hn::Div(found.second, hn::Add(constant(1), found.first));
    return unless_vanishing(found.first, hn::Add(log1p_nonnegative(found.first), rest));
  }
};

struct ModifiedEntropy {
  HWY_INLINE static Pair reduce(Group& group) {
    const Vector one = constant(1), max = find_max(group), label_value = group.label_value();
    Vector second = constant(std::numeric_limits<double>::lowest());
    each_below_max(group, [&](Vector z) HWY_ATTR { second = hn::Max(second, z); });
    // Relative to the second maximum, so that 1 − p of the largest class never vanishes.
    const Vector below = sum_below_max(group, second), gap = hn::Sub(second, max);
    const Vector sum = hn::Mul(below, exp_nonpositive(gap));
    const Vector log_total = log1p_nonnegative(sum), inverse = hn::Div(one, hn::Add(one, sum));
    const Vector log_rest_of_max = hn::Sub(hn::Add(gap, log_from_1(below)), log_total);

    const Vector y = group.label();
    Vector others = hn::Zero(kDoubles), k = others;
    group.each([&](size_t, Vector z) HWY_ATTR {
      const Vector p = hn::Mul(exp_nonpositive(hn::Sub(z, max)), inverse);
      const Vector log_rest = hn::IfThenElse(hn::Eq(z, max), log_rest_of_max, hn::Neg(minus_log_complement(p)));
      others = hn::Add(others, hn::IfThenZeroElse(hn::Eq(k, y), hn::Mul(p, log_rest)));
      k = hn::Add(k, one);
    });
    const Vector gap_y = hn::Sub(label_value, max), p_y = hn::Mul(exp_nonpositive(gap_y), inverse);
    const Vector rest_of_y = hn::IfThenElse(hn::Eq(label_value, max), hn::Mul(sum, inverse), hn::Sub(one, p_y));
    return {sum, hn::Sub(hn::Mul(rest_of_y, hn::Sub(log_total, gap_y)), others)};
  }
  HWY_INLINE static Vector finish(Pair found) { return unless_vanishing(found.first, found.second); }
};

struct Correctness {
  HWY_INLINE static Pair reduce(Group& group) {
    Vector best = hn::Zero(kDoubles), max = best, k_vector = best;
    group.each([&](size_t k, Vector z) HWY_ATTR {
      if (k == 0) {
        max = z;
      } else {
        best = hn::IfThenElse(hn::Gt(z, max), k_vector, best);
        max = hn::Max(max, z);
      }
      k_vector = hn::Add(k_vector, constant(1));
    });
    return {best, group.label()};
  }
  HWY_INLINE static Vector finish(Pair found) {
    return hn::IfThenElseZero(hn::Eq(found.first, found.second), constant(1));
  }
};

struct Spread {
  HWY_INLINE static Pair reduce(Group& group) {
    Vector min = constant(std::numeric_limits<double>::max()), max = constant(std::numeric_limits<double>::lowest());
    group.each([&](size_t, Vector z) HWY_ATTR {
      min = hn::Min(min, z);
      max = hn::Max(max, z);
    });
    const Vector range = hn::Sub(max, min), count = constant(static_cast<double>(group.columns()));
    const Gaps gaps{min, range, hn::Div(constant(1), range)};
    return {range, hn::Div(sum(group, gaps, 0, group.columns()), count)};
  }
  HWY_INLINE static Vector finish(Pair found) {
    const auto fit = hn::And(hn::Ge(found.first, constant(0x1p-900)), hn::Le(found.first, constant(0x1p900)));
    return hn::IfThenElse(fit, found.second, constant(kNan));
  }

 private:
  struct Gaps {
    Vector min, range, inverse;
    HWY_INLINE Vector operator()(Vector z) const {
      return hn::Sub(constant(1), divide(hn::Sub(z, min), range, inverse));
    }
  };
  /// NumPy's pairwise order: halves down to 128 terms, each of these in 8 strands. 
  static Vector sum(Group& group, const Gaps& gaps, size_t begin, size_t count) {
    static_assert(kChunk == 128);
    if (count > kChunk) {
      const size_t half = count / 2 - count / 2 % 8;
      const Vector left = sum(group, gaps, begin, half);
      return hn::Add(left, sum(group, gaps, begin + half, count - half));
    }
    group.need(begin, count);
    Vector total = hn::Zero(kDoubles);
    size_t k = 0;
    if (count >= 8) {
      Vector s0 = gaps(group.at(0)), s1 = gaps(group.at(1)), s2 = gaps(group.at(2)), s3 = gaps(group.at(3));
      Vector s4 = gaps(group.at(4)), s5 = gaps(group.at(5)), s6 = gaps(group.at(6)), s7 = gaps(group.at(7));
      for (k = 8; k + 8 <= count; k += 8) {
        s0 = hn::Add(s0, gaps(group.at(k)));
        s1 = hn::Add(s1, gaps(group.at(k + 1)));
        s2 = hn::Add(s2, gaps(group.at(k + 2)));
        s3 = hn::Add(s3, gaps(group.at(k + 3)));
        s4 = hn::Add(s4, gaps(group.at(k + 4)));
        s5 = hn::Add(s5, gaps(group.at(k + 5)));
        s6 = hn::Add(s6, gaps(group.at(k + 6)));
        s7 = hn::Add(s7, gaps(group.at(k + 7)));
      }
      total = hn::Add(hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)), hn::Add(hn::Add(s4, s5), hn::Add(s6, s7)));
    }
    for (; k < count; ++k) total = hn::Add(total, gaps(group.at(k)));
    return total;
  }
};

struct TaylorConfidence {
  HWY_INLINE static Pair reduce(Group& group) {
    const Vector y = group.label();
    Vector sum = hn::Zero(kDoubles), label = sum, k = sum;
    group.each([&](size_t, Vector z) HWY_ATTR {
      const auto is_label = hn::Eq(k, y);
      const Vector u = hn::Sub(hn::Mul(z, constant(0.5)), hn::IfThenElseZero(is_label, constant(0.6)));
      Vector t = hn::MulAdd(u, constant(1.0 / 24), constant(1.0 / 6));
      t = hn::MulAdd(t, u, constant(0.5));
      t = hn::MulAdd(t, u, constant(1));
      t = hn::MulAdd(t, u, constant(1));
      sum = hn::Add(sum, t);
      label = hn::IfThenElse(is_label, t, label);
      k = hn::Add(k, constant(1));
    });
    return {label, sum};
  }
  HWY_INLINE static Vector finish(Pair found) {
    const auto finite = hn::Le(found.second, constant(std::numeric_limits<double>::max()));
    return hn::IfThenElse(finite, hn::Div(found.first, found.second), constant(kNan));
  }
};

template <class Function>
void evaluate(const RowBlock& block, double* out) {
  constexpr size_t kStrip = 64;
  HWY_ALIGN double firsts[kStrip], seconds[kStrip];
  Group group(block);
  const size_t last = block.rows - kRows;
  for (size_t begin = 0; begin < block.rows; begin += kStrip) {
    const size_t end = std::min(begin + kStrip, block.rows);
    // The last group goes back so as to end with the block; rows do not depend on their neighbours.
    const auto group_at = [&](size_t row) { return std::min(row, last); };
    size_t filled = 0;
    for (size_t row = begin; row < end; row += kRows) {
      group.seek(group_at(row));
      for (size_t lane = 0; lane < kRows; lane += kLanes, filled += kLanes) {
        group.set_lanes(lane);
        const Pair found = Function::reduce(group);
        hn::Store(found.first, kDoubles, firsts + filled);
        hn::Store(found.second, kDoubles, seconds + filled);
      }
    }
    for (size_t i = 0; i < filled; i += kLanes) {
      const Pair found{hn::Load(kDoubles, firsts + i), hn::Load(kDoubles, seconds + i)};
      hn::StoreU(Function::finish(found), kDoubles, out + group_at(begin + i / kRows * kRows) + i % kRows);
    }
  }
}

void evaluate_rows_here(RowFunction function, const RowBlock& block, double* out) {
  if (block.rows < kRows) {
    std::fill_n(out, block.rows, kNan);
    return;
  }
  switch (function) {
    case RowFunction::loss: return evaluate<Loss>(block, out);
    case RowFunction::confidence: return evaluate<Confidence>(block, out);
    case RowFunction::max_probability: return evaluate<MaxProbability>(block, out);
    case RowFunction::rescaled_logit: return evaluate<RescaledLogit>(block, out);
    case RowFunction::margin: return evaluate<Margin>(block, out);
    case RowFunction::entropy: return evaluate<Entropy>(block, out);
    case RowFunction::modified_entropy: return evaluate<ModifiedEntropy>(block, out);
    case RowFunction::correctness: return evaluate<Correctness>(block, out);
    case RowFunction::spread: return evaluate<Spread>(block, out);
    case RowFunction::taylor_confidence: return evaluate<TaylorConfidence>(block, out);
  }
}

const char* target_here() { return hwy::TargetName(HWY_TARGET); }

}  // namespace
}  // namespace miaudit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace miaudit {

HWY_EXPORT(evaluate_rows_here);
HWY_EXPORT(target_here);

void evaluate_rows(RowFunction function, const RowBlock& block, double* out) {
  if (block.rows != 0) HWY_DYNAMIC_DISPATCH(evaluate_rows_here)(function, block, out);
}

std::string vector_target() { return HWY_DYNAMIC_DISPATCH(target_here)(); }

}  // namespace miaudit
#endif
