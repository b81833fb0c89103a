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

/// Every function works in two steps: reduce() runs over a group's classes and finish() makes the value of what it
/// found. Apart, because what finish() waits for in one group (a division, a logarithm) is done at once for many.
struct Pair {
  Vector first, second;
};

/// Leaves rows to the scalar code whose sum of exponentials is so small that terms below e^kLowest may count, or is not
/// finite, as where the differences of two logits are beyond exp_nonpositive.
HWY_INLINE Vector if_sound(Vector sum, Vector value) {
  const auto sound = hn::And(hn::Ge(sum, constant(1e-290)), hn::Le(sum, constant(1e290)));
  return hn::IfThenElse(sound, value, constant(kNan));
}

struct Loss {
  HWY_INLINE static Pair reduce(Group& group) {
    const Vector max = find_max(group);
    return {hn::Sub(max, group.label_value()), sum_below_max(group, max)};
  }
  HWY_INLINE static Vector finish(Pair found) {
    return if_sound(found.second, hn::Add(found.first, log1p_nonnegative(found.second)));
  }
};

struct Confidence {
  HWY_INLINE static Pair reduce(Group& group) { return Loss::reduce(group); }
  HWY_INLINE static Vector finish(Pair found) {
    const Vector p = hn::Div(exp_nonpositive(hn::Neg(found.first)), hn::Add(constant(1), found.second));
    return if_sound(found.second, hn::IfThenElse(hn::Le(found.first, constant(-kLowest)), p, constant(kNan)));
  }
};

struct MaxProbability {
  HWY_INLINE static Pair reduce(Group& group) {
    const Vector sum = sum_below_max(group, find_max(group));
    return {sum, sum};
  }
  HWY_INLINE static Vector finish(Pair found) {
    return if_sound(found.first, hn::Div(constant(1), hn::Add(constant(1), found.first)));
  }
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
  HWY_INLINE static Vector finish(Pair found) {
    return if_sound(found.second, hn::Sub(found.first, log_from_1(found.second)));
  }
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
    return if_sound(found.first, hn::Add(log1p_nonnegative(found.first), rest));
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
  HWY_INLINE static Vector finish(Pair found) { return if_sound(found.first, found.second); }
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
