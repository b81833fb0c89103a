// Every RowFunction on vectors: a row a lane.
// Compiled once for each instruction set, so the guard toggles instead of closing.
#if defined(MIAUDIT_MATH_ROW_FUNCTIONS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MIAUDIT_MATH_ROW_FUNCTIONS_INL_H_
#undef MIAUDIT_MATH_ROW_FUNCTIONS_INL_H_
#else
#define MIAUDIT_MATH_ROW_FUNCTIONS_INL_H_
#endif

#include <limits>

#include "hwy/highway.h"
#include "miaudit/math/row_group-inl.h"
#include "miaudit/math/sift-inl.h"
#include "miaudit/math/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace miaudit::HWY_NAMESPACE {
namespace {

/// Marks a row as left to the scalar code.
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Σ exp(z_k − reference) over classes first … C−1, none above the reference.
template <class T>
HWY_INLINE Vector sum_dropped(Tile<T> tile, size_t part, size_t first, Vector reference) {
  Vector sum = hn::Zero(kDoubles);
  for (size_t k = first; k < tile.columns(); ++k)
    sum = hn::Add(sum, exp_nonpositive(hn::Sub(tile.doubles(k, part), reference)));
  return sum;
}

/// Leaves rows to the scalar code whose sum of exponentials is so small that terms below e^kLowest may count, or is not
/// finite, as where the difference of two logits is beyond exp_nonpositive.
HWY_INLINE Vector if_sound(Vector sum, Vector value) {
  const auto sound = hn::And(hn::Ge(sum, constant(1e-290)), hn::Le(sum, constant(1e290)));
  return hn::IfThenElse(sound, value, constant(kNan));
}

/// What a function noted of the rows of a strip, beside z_y of each.
constexpr size_t kStrip = 64;
template <class T>
struct Strip {
  HWY_ALIGN T label[kStrip] = {};
  HWY_ALIGN double notes[6][kStrip];
};
/// Of as many rows as a vector of doubles has lanes.
template <class T>
class Notes {
 public:
  Notes(Strip<T>& strip, size_t row) : strip_(strip), row_(row) {}
  HWY_INLINE void put(size_t note, Vector of) const { hn::Store(of, kDoubles, strip_.notes[note] + row_); }
  HWY_INLINE Vector at(size_t note) const { return hn::Load(kDoubles, strip_.notes[note] + row_); }
  HWY_INLINE Vector label() const { return load_doubles(strip_.label + row_); }

 private:
  Strip<T>& strip_;
  size_t row_;
};

/// Every function works in steps: its Sift compares the classes of a group's rows as they are stored, reduce() runs
/// over them as doubles, a part of the rows at a time, and finish() makes the value of what was noted. The last apart,
/// because what it waits for in one group (a division, a logarithm) is done at once for many. Where a second run over
/// the classes must wait for the first, it is reduce_again(), after the reduce() of all parts.

/// Of softmax's denominator: the largest logit, and the other terms relative to it.
struct OfDenominator {
  template <class T>
  using Sift = DropMax<T>;
  template <class T>
  HWY_INLINE static void reduce(Tile<T> tile, size_t part, Notes<T> notes) {
    const Vector max = tile.doubles(0, part);
    notes.put(0, max);
    notes.put(1, sum_dropped(tile, part, 1, max));
  }
};

struct Loss : OfDenominator {
  static constexpr bool kNeedsLabel = true;
  template <class T>
  HWY_INLINE static Vector finish(Notes<T> notes) {
    const Vector gap = hn::Sub(notes.at(0), notes.label()), sum = notes.at(1);
    return if_sound(sum, hn::Add(gap, log1p_nonnegative(sum)));
  }
};

struct Confidence : OfDenominator {
  static constexpr bool kNeedsLabel = true;
  template <class T>
  HWY_INLINE static Vector finish(Notes<T> notes) {
    const Vector gap = hn::Sub(notes.label(), notes.at(0)), sum = notes.at(1);
    const Vector p = hn::Div(exp_nonpositive(gap), hn::Add(constant(1), sum));
    return if_sound(sum, hn::IfThenElse(hn::Ge(gap, constant(kLowest)), p, constant(kNan)));
  }
};

struct MaxProbability : OfDenominator {
  static constexpr bool kNeedsLabel = false;
  template <class T>
  HWY_INLINE static Vector finish(Notes<T> notes) {
    const Vector sum = notes.at(1);
    return if_sound(sum, hn::Div(constant(1), hn::Add(constant(1), sum)));
  }
};

/// The same of the classes but y.
struct RescaledLogit {
  static constexpr bool kNeedsLabel = true;
  template <class T>
  using Sift = DropLabel<T>;
  template <class T>
  HWY_INLINE static void reduce(Tile<T> tile, size_t part, Notes<T> notes) {
    const Vector max = tile.doubles(0, part);
    notes.put(0, max);
    notes.put(1, sum_dropped(tile, part, 2, max));
  }
  template <class T>
  HWY_INLINE static Vector finish(Notes<T> notes) {
    const Vector sum = hn::Add(notes.at(1), constant(1));
    return if_sound(sum, hn::Sub(hn::Sub(notes.label(), notes.at(0)), log(sum)));
  }
};

/// Of what a Sift leaves alone.
struct OfComparison {
  static constexpr bool kNeedsLabel = true;
  template <class T>
  HWY_INLINE static void reduce(Tile<T> tile, size_t part, Notes<T> notes) {
    notes.put(0, tile.doubles(0, part));
  }
};

struct Margin : OfComparison {
  template <class T>
  using Sift = MaxOfOthers<T>;
  template <class T>
  HWY_INLINE static Vector finish(Notes<T> notes) {
    return hn::Sub(notes.label(), notes.at(0));
  }
};

struct Entropy {
  static constexpr bool kNeedsLabel = false;
  template <class T>
  using Sift = DropMax<T>;
  template <class T>
  HWY_INLINE static void reduce(Tile<T> tile, size_t part, Notes<T> notes) {
    const Vector max = tile.doubles(0, part);
    Vector sum = hn::Zero(kDoubles), weighted = sum;
    for (size_t k = 1; k < tile.columns(); ++k) {
      const Vector gap = exponent(hn::Sub(tile.doubles(k, part), max)), e = exp_nonpositive(gap);
      sum = hn::Add(sum, e);
      weighted = hn::NegMulAdd(gap, e, weighted);
    }
    notes.put(0, sum);
    notes.put(1, weighted);
  }
  template <class T>
  HWY_INLINE static Vector finish(Notes<T> notes) {
    const Vector sum = notes.at(0), rest = hn::Div(notes.at(1), hn::Add(constant(1), sum));
    return if_sound(sum, hn::Add(log1p_nonnegative(sum), rest));
  }
};

/// −Σ p log(1−p) over the classes but y needs a logarithm for each.
struct ModifiedEntropy {
  static constexpr bool kNeedsLabel = true;
  template <class T>
  using Sift = DropLabel<T>;
  template <class T>
  HWY_INLINE static void reduce(Tile<T> tile, size_t part, Notes<T> notes) {
    const Vector other = tile.doubles(0, part), label = tile.doubles(1, part), max = hn::Max(other, label);
    const Vector gap = hn::Sub(hn::Min(other, label), max), first = exp_nonpositive(gap);
    Vector sum = first;
    for (size_t k = 2; k < tile.columns(); ++k) {
      const Vector e = exp_nonpositive(hn::Sub(tile.doubles(k, part), max));
      hn::Store(e, kDoubles, tile.room(k, part));
      sum = hn::Add(sum, e);
    }
    const Vector to_p = hn::Div(constant(1), hn::Add(constant(1), sum));
    notes.put(0, max);
    notes.put(1, gap);
    notes.put(2, sum);
    notes.put(3, to_p);
    notes.put(4, hn::Mul(first, to_p));
  }
  template <class T>
  HWY_INLINE static void reduce_again(Tile<T> tile, size_t part, Notes<T> notes) {
    const Vector to_p = notes.at(3);
    Vector terms = hn::Zero(kDoubles);
    for (size_t k = 2; k < tile.columns(); ++k) {
      const Vector p = hn::Mul(hn::Load(kDoubles, tile.room(k, part)), to_p);
      terms = hn::MulAdd(p, minus_log_complement(p), terms);
    }
    notes.put(5, terms);
  }
  /// Terms were of all but y and the largest other.
  template <class T>
  HWY_INLINE static Vector finish(Notes<T> notes) {
    const Vector gap = notes.at(1), sum = notes.at(2), to_p = notes.at(3), p = notes.at(4);
    const Vector log_total = log1p_nonnegative(sum);
    const auto is_largest = hn::Eq(notes.label(), notes.at(0));
    const Vector rest = hn::IfThenElse(is_largest, hn::Mul(sum, to_p), hn::Sub(constant(1), p));
    const Vector loss = hn::IfThenElse(is_largest, log_total, hn::Sub(log_total, gap));
    const Vector other =
        hn::IfThenElse(is_largest, hn::Mul(p, minus_log_complement(p)), hn::Mul(to_p, hn::Sub(log_total, log(sum))));
    return if_sound(sum, hn::MulAdd(rest, loss, hn::Add(notes.at(5), other)));
  }
};

struct Correctness : OfComparison {
  template <class T>
  using Sift = IsRight<T>;
  template <class T>
  HWY_INLINE static Vector finish(Notes<T> notes) {
    return notes.at(0);
  }
};

/// A row's gaps to its maximum, scaled to [0, 1].
template <class T>
struct Gaps {
  Tile<T> tile;
  size_t part;
  Vector min, range, inverse;

  HWY_INLINE Vector at(size_t k) const {
    return hn::Sub(constant(1), divide(hn::Sub(tile.doubles(k, part), min), range, inverse));
  }
  /// In the order in which NumPy adds a contiguous axis: halves down to 128 terms, each of these in 8 strands.
  HWY_INLINE Vector sum(size_t begin, size_t count) const {
    return count > 128 ? sum_of_halves(begin, count) : sum_of_strands(begin, begin + count);
  }
  HWY_NOINLINE Vector sum_of_halves(size_t begin, size_t count) const {
    const size_t half = count / 2 - count / 2 % 8;
    const Vector left = sum(begin, half);
    return hn::Add(left, sum(begin + half, count - half));
  }
  HWY_INLINE Vector sum_of_strands(size_t begin, size_t end) const {
    Vector total = hn::Zero(kDoubles);
    size_t k = begin;
    if (end - begin >= 8) {
      Vector s0 = at(k), s1 = at(k + 1), s2 = at(k + 2), s3 = at(k + 3);
      Vector s4 = at(k + 4), s5 = at(k + 5), s6 = at(k + 6), s7 = at(k + 7);
      for (k += 8; k + 8 <= end; k += 8) {
        s0 = hn::Add(s0, at(k));
        s1 = hn::Add(s1, at(k + 1));
        s2 = hn::Add(s2, at(k + 2));
        s3 = hn::Add(s3, at(k + 3));
        s4 = hn::Add(s4, at(k + 4));
        s5 = hn::Add(s5, at(k + 5));
        s6 = hn::Add(s6, at(k + 6));
        s7 = hn::Add(s7, at(k + 7));
      }
      total = hn::Add(hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)), hn::Add(hn::Add(s4, s5), hn::Add(s6, s7)));
    }
    for (; k < end; ++k) total = hn::Add(total, at(k));
    return total;
  }
};

struct Spread {
  static constexpr bool kNeedsLabel = false;
  template <class T>
  using Sift = KeepAll<T>;
  template <class T>
  HWY_INLINE static void reduce(Tile<T> tile, size_t part, Notes<T> notes) {
    Vector min = tile.doubles(0, part), max = min;
    for (size_t k = 1; k < tile.columns(); ++k) {
      min = hn::Min(min, tile.doubles(k, part));
      max = hn::Max(max, tile.doubles(k, part));
    }
    const Vector range = hn::Sub(max, min);
    const Gaps<T> gaps{tile, part, min, range, hn::Div(constant(1), range)};
    notes.put(0, range);
    notes.put(1, hn::Div(gaps.sum(0, tile.columns()), constant(static_cast<double>(tile.columns()))));
  }
  template <class T>
  HWY_INLINE static Vector finish(Notes<T> notes) {
    const Vector range = notes.at(0);
    const auto fit = hn::And(hn::Ge(range, constant(0x1p-900)), hn::Le(range, constant(0x1p900)));
    return hn::IfThenElse(fit, notes.at(1), constant(kNan));
  }
};

struct TaylorConfidence {
  static constexpr bool kNeedsLabel = true;
  template <class T>
  using Sift = KeepAll<T>;
  template <class T>
  HWY_INLINE static void reduce(Tile<T> tile, size_t part, Notes<T> notes) {
    Vector sum = hn::Zero(kDoubles);
    for (size_t k = 0; k < tile.columns(); ++k)
      sum = hn::Add(sum, series(hn::Mul(tile.doubles(k, part), constant(0.5))));
    notes.put(0, sum);
  }
  /// The sum was of all classes without a margin.
  template <class T>
  HWY_INLINE static Vector finish(Notes<T> notes) {
    const Vector u = hn::Mul(notes.label(), constant(0.5)), label = series(hn::Sub(u, constant(0.6)));
    const Vector sum = hn::Add(hn::Sub(notes.at(0), series(u)), label);
    const auto finite = hn::Le(sum, constant(std::numeric_limits<double>::max()));
    return hn::IfThenElse(finite, hn::Div(label, sum), constant(kNan));
  }

 private:
  HWY_INLINE static Vector series(Vector u) {
    constexpr double kTerms[] = {1.0 / 24, 1.0 / 6, 0.5, 1, 1};
    return polynomial(kTerms, u);
  }
};

}  // namespace
}  // namespace miaudit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // MIAUDIT_MATH_ROW_FUNCTIONS_INL_H_
