#include "miaudit/math/kernels.h"

#include <algorithm>
#include <limits>

// Four targets are enough: plain C++, SSE4, AVX2, AVX-512 (and NEON on Arm); each costs compile time.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "miaudit/math/kernels.cc"
// foreach_target.h must come first: it includes this file once for each target.
// clang-format off
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "miaudit/math/row_group-inl.h"
#include "miaudit/math/vector_math-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace miaudit::HWY_NAMESPACE {
namespace {

/// Marks a row as left to the scalar code.
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Returns the largest of all classes and leaves the others as classes 0 … C−2: a carried maximum pushes them down.
HWY_INLINE Vector drop_max(Group& group) {
  Vector max = group.at(0);
  for (size_t k = 1; k < group.columns(); ++k) {
    const Vector z = group.at(k);
    group.put(k - 1, hn::Min(max, z));
    max = hn::Max(max, z);
  }
  return max;
}

/// Returns the largest but for class y and leaves all but class y as classes 0 … C−2.
HWY_INLINE Vector drop_label(Group& group) {
  const Vector y = group.label();
  Vector k_vector = constant(1), previous = group.at(0), max = constant(std::numeric_limits<double>::lowest());
  for (size_t k = 1; k < group.columns(); ++k) {
    const Vector z = group.at(k), other = hn::IfThenElse(hn::Le(k_vector, y), previous, z);
    group.put(k - 1, other);
    max = hn::Max(max, other);
    previous = z;
    k_vector = hn::Add(k_vector, constant(1));
  }
  return max;
}

/// Σ exp(z_k − reference) over the classes that a drop has left, none above the reference.
HWY_INLINE Vector sum_dropped(Group& group, Vector reference) {
  Vector sum = hn::Zero(kDoubles);
  for (size_t k = 0; k + 1 < group.columns(); ++k) sum = hn::Add(sum, exp_nonpositive(hn::Sub(group.at(k), reference)));
  return sum;
}

/// Every function works in two steps: reduce() runs over a group's classes and finish() makes the value of what it
/// found. Apart, because what finish() waits for in one group (a division, a logarithm) is done at once for many.
struct Pair {
  Vector first, second;
};

/// Leaves rows to the scalar code whose sum of exponentials is so small that terms below e^kLowest may count, or is not
/// finite, as where the difference of two logits is beyond exp_nonpositive.
HWY_INLINE Vector if_sound(Vector sum, Vector value) {
  const auto sound = hn::And(hn::Ge(sum, constant(1e-290)), hn::Le(sum, constant(1e290)));
  return hn::IfThenElse(sound, value, constant(kNan));
}

struct Loss {
  HWY_INLINE static Pair reduce(Group& group) {
    const Vector label = group.label_value(), max = drop_max(group);
    return {hn::Sub(max, label), sum_dropped(group, max)};
  }
  HWY_INLINE static Vector finish(Pair found) {
    return if_sound(found.second, hn::Add(found.first, log1p_nonnegative(found.second)));
  }
};

struct Confidence {
  HWY_INLINE static Pair reduce(Group& group) { return Loss::reduce(group); }
  HWY_INLINE static Vector finish(Pair found) {
    const Vector p = hn::Div(exp_nonpositive(hn::Neg(found.first)), hn::Add(constant(1), found.second));
    const auto within = hn::Le(found.first, constant(-kLowest));
    return if_sound(found.second, hn::IfThenElse(within, p, constant(kNan)));
  }
};

struct MaxProbability {
  HWY_INLINE static Pair reduce(Group& group) {
    const Vector max = drop_max(group), sum = sum_dropped(group, max);
    return {sum, sum};
  }
  HWY_INLINE static Vector finish(Pair found) {
    return if_sound(found.first, hn::Div(constant(1), hn::Add(constant(1), found.first)));
  }
};

struct RescaledLogit {
  HWY_INLINE static Pair reduce(Group& group) {
    const Vector label = group.label_value(), max = drop_label(group);
    return {hn::Sub(label, max), sum_dropped(group, max)};
  }
  HWY_INLINE static Vector finish(Pair found) {
    return if_sound(found.second, hn::Sub(found.first, log_from_1(found.second)));
  }
};

struct Margin {
  HWY_INLINE static Pair reduce(Group& group) {
    const Vector y = group.label(), label = group.label_value();
    Vector k_vector = hn::Zero(kDoubles), max = constant(std::numeric_limits<double>::lowest());
    for (size_t k = 0; k < group.columns(); ++k) {
      max = hn::IfThenElse(hn::Eq(k_vector, y), max, hn::Max(max, group.at(k)));
      k_vector = hn::Add(k_vector, constant(1));
    }
    return {label, max};
  }
  HWY_INLINE static Vector finish(Pair found) { return hn::Sub(found.first, found.second); }
};

struct Entropy {
  HWY_INLINE static Pair reduce(Group& group) {
    const Vector max = drop_max(group);
    Vector sum = hn::Zero(kDoubles), weighted = sum;
    for (size_t k = 0; k + 1 < group.columns(); ++k) {
      const Vector gap = hn::Sub(group.at(k), max), e = exp_nonpositive(gap);
      sum = hn::Add(sum, e);
      weighted = hn::NegMulAdd(gap, e, weighted);
    }
    return {sum, weighted};
  }
  HWY_INLINE static Vector finish(Pair found) {
    const Vector rest = hn::Div(found.second, hn::Add(constant(1), found.first));
    return if_sound(found.first, hn::Add(log1p_nonnegative(found.first), rest));
  }
};

struct ModifiedEntropy {
  HWY_INLINE static Pair reduce(Group& group) {
    const Vector one = constant(1), label = group.label_value(), max = drop_max(group);
    const size_t others = group.columns() - 1;
    // Relative to the second maximum, so that 1 − p of the largest class never vanishes.
    Vector second = group.at(0), below = hn::Zero(kDoubles);
    for (size_t k = 1; k < others; ++k) second = hn::Max(second, group.at(k));
    for (size_t k = 0; k < others; ++k) {
      const Vector e = exp_nonpositive(hn::Sub(group.at(k), second));
      group.put(k, e);
      below = hn::Add(below, e);
    }
    const Vector gap = hn::Sub(second, max), scale = exp_nonpositive(gap), sum = hn::Mul(below, scale);
    const Vector log_total = log1p_nonnegative(sum), inverse = hn::Div(one, hn::Add(one, sum));

    // −Σ p log(1−p) over all classes but the maximum …
    const Vector to_p = hn::Mul(scale, inverse);
    Vector terms = hn::Zero(kDoubles);
    for (size_t k = 0; k < others; ++k) {
      const Vector p = hn::Mul(group.at(k), to_p);
      terms = hn::MulAdd(p, minus_log_complement(p), terms);
    }
    // … and where y is not it, with the maximum's term in place of y's, which is no larger.
    const Vector gap_y = hn::Sub(label, max), p_y = hn::Mul(exp_nonpositive(gap_y), inverse);
    const Vector term_of_max = hn::Mul(inverse, hn::Sub(log_total, hn::Add(gap, log_from_1(below))));
    const Vector term_of_y = hn::Mul(p_y, minus_log_complement(p_y));
    const auto is_max = hn::Eq(label, max);
    terms = hn::Add(terms, hn::IfThenZeroElse(is_max, hn::Sub(term_of_max, term_of_y)));
    const Vector rest_of_y = hn::IfThenElse(is_max, hn::Mul(sum, inverse), hn::Sub(one, p_y));
    return {sum, hn::MulAdd(rest_of_y, hn::Sub(log_total, gap_y), terms)};
  }
  HWY_INLINE static Vector finish(Pair found) { return if_sound(found.first, found.second); }
};

struct Correctness {
  HWY_INLINE static Pair reduce(Group& group) {
    Vector best = hn::Zero(kDoubles), max = group.at(0), k_vector = constant(1);
    for (size_t k = 1; k < group.columns(); ++k) {
      const Vector z = group.at(k);
      best = hn::IfThenElse(hn::Gt(z, max), k_vector, best);
      max = hn::Max(max, z);
      k_vector = hn::Add(k_vector, constant(1));
    }
    return {best, group.label()};
  }
  HWY_INLINE static Vector finish(Pair found) {
    return hn::IfThenElseZero(hn::Eq(found.first, found.second), constant(1));
  }
};

struct Spread {
  HWY_INLINE static Pair reduce(Group& group) {
    Vector min = group.at(0), max = min;
    for (size_t k = 1; k < group.columns(); ++k) {
      min = hn::Min(min, group.at(k));
      max = hn::Max(max, group.at(k));
    }
    const Vector range = hn::Sub(max, min);
    const Gaps gaps{group, min, range, hn::Div(constant(1), range)};
    const Vector columns = constant(static_cast<double>(group.columns()));
    return {range, hn::Div(gaps.sum(0, group.columns()), columns)};
  }
  HWY_INLINE static Vector finish(Pair found) {
    const auto fit = hn::And(hn::Ge(found.first, constant(0x1p-900)), hn::Le(found.first, constant(0x1p900)));
    return hn::IfThenElse(fit, found.second, constant(kNan));
  }

 private:
  struct Gaps {
    const Group& group;
    Vector min, range, inverse;

    HWY_INLINE Vector at(size_t k) const {
      return hn::Sub(constant(1), divide(hn::Sub(group.at(k), min), range, inverse));
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
};

struct TaylorConfidence {
  HWY_INLINE static Pair reduce(Group& group) {
    const Vector margin = constant(0.6);
    Vector sum = hn::Zero(kDoubles);
    const Vector half = constant(0.5), y = group.label(),
                 label = series(hn::Sub(hn::Mul(group.label_value(), half), margin));
    Vector k_vector = sum;
    for (size_t k = 0; k < group.columns(); ++k) {
      const Vector u = hn::Mul(group.at(k), half);
      const Vector shift = hn::IfThenElseZero(hn::Eq(k_vector, y), margin);
      sum = hn::Add(sum, series(hn::Sub(u, shift)));
      k_vector = hn::Add(k_vector, constant(1));
    }
    return {label, sum};
  }
  HWY_INLINE static Vector finish(Pair found) {
    const auto finite = hn::Le(found.second, constant(std::numeric_limits<double>::max()));
    return hn::IfThenElse(finite, hn::Div(found.first, found.second), constant(kNan));
  }

 private:
  HWY_INLINE static Vector series(Vector u) {
    constexpr double kTerms[] = {1.0 / 24, 1.0 / 6, 0.5, 1, 1};
    return polynomial(kTerms, u);
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
    for (size_t i = begin; i < end; i += 8) hwy::Prefetch(out + std::min(i + kStrip, last));  // the next strip's room
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
    case RowFunction::loss:
      return evaluate<Loss>(block, out);
    case RowFunction::confidence:
      return evaluate<Confidence>(block, out);
    case RowFunction::max_probability:
      return evaluate<MaxProbability>(block, out);
    case RowFunction::rescaled_logit:
      return evaluate<RescaledLogit>(block, out);
    case RowFunction::margin:
      return evaluate<Margin>(block, out);
    case RowFunction::entropy:
      return evaluate<Entropy>(block, out);
    case RowFunction::modified_entropy:
      return evaluate<ModifiedEntropy>(block, out);
    case RowFunction::correctness:
      return evaluate<Correctness>(block, out);
    case RowFunction::spread:
      return evaluate<Spread>(block, out);
    case RowFunction::taylor_confidence:
      return evaluate<TaylorConfidence>(block, out);
  }
}

const char* target_here() {
  return hwy::TargetName(HWY_TARGET);
}

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

std::string vector_target() {
  return HWY_DYNAMIC_DISPATCH(target_here)();
}

}  // namespace miaudit
#endif
