// Exponentials, logarithms and division on vectors of doubles, over the ranges that the row functions need.
// Compiled once for each instruction set, so the guard toggles instead of closing.
#if defined(MIAUDIT_MATH_VECTOR_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MIAUDIT_MATH_VECTOR_MATH_INL_H_
#undef MIAUDIT_MATH_VECTOR_MATH_INL_H_
#else
#define MIAUDIT_MATH_VECTOR_MATH_INL_H_
#endif

#include "hwy/highway.h"

/// Of the instruction set that is being compiled: whether sixteen doubles can be looked up at once.
#ifndef MIAUDIT_IS_AVX512
#define MIAUDIT_IS_AVX512 (HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL)
#endif

HWY_BEFORE_NAMESPACE();
namespace miaudit::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::CappedTag<double, 8>;
using Vector = hn::Vec<Doubles>;
constexpr Doubles kDoubles;
constexpr size_t kLanes = hn::MaxLanes(kDoubles);
constexpr bool kFusedMultiplyAdd = HWY_TARGET == HWY_AVX2 || MIAUDIT_IS_AVX512;

HWY_INLINE Vector constant(double value) {
  return hn::Set(kDoubles, value);
}

/// The polynomial with these coefficients, the highest power first. From 12 terms on in four strands by x⁴: one chain
/// of dependent steps would leave the machine waiting.
template <size_t N>
HWY_INLINE Vector polynomial(const double (&coefficients)[N], Vector x) {
  constexpr size_t kStrands = N >= 12 ? 4 : 1;
  const Vector x2 = hn::Mul(x, x), step = kStrands == 4 ? hn::Mul(x2, x2) : x;
  const auto strand = [&](size_t power) HWY_ATTR {
    const size_t first = (N - 1 - power) % kStrands;
    Vector sum = constant(coefficients[first]);
    for (size_t i = first + kStrands; i < N; i += kStrands) sum = hn::MulAdd(sum, step, constant(coefficients[i]));
    return sum;
  };
  if constexpr (kStrands == 1) return strand(0);
  return hn::MulAdd(hn::MulAdd(strand(3), x, strand(2)), x2, hn::MulAdd(strand(1), x, strand(0)));
}

#if MIAUDIT_IS_AVX512
/// Of sixteen, held in two registers, those that the low bits number: one instruction.
HWY_INLINE Vector lookup(const double (&table)[16], Vector numbers) {
  return Vector{_mm512_permutex2var_pd(hn::Load(kDoubles, table).raw, _mm512_castpd_si512(numbers.raw),
                                       hn::Load(kDoubles, table + 8).raw)};
}
#endif

// ln 2 in two parts, the first with trailing zeros: small integers times it are exact even without a fused
// multiply-add.
constexpr double kLn2High = 0x1.62e42feep-1, kLn2Low = 0x1.a39ef35793c76p-33;
// The polynomials below are Chebyshev interpolants, computed in 80 digits; relative errors are below 3e-17 where no
// other is given.

/// e^x for x <= 0, to 6e-15 of itself (the last bits on other sets than AVX-512); below kLowest something between 0 and
/// e^kLowest, and below −1e40 perhaps not finite.
constexpr double kLowest = -708;
#if MIAUDIT_IS_AVX512
HWY_INLINE Vector exp_nonpositive(Vector x) {
  // 2^(j/16).
  HWY_ALIGN constexpr double kRoots[] = {
      0x1.0000000000000p+0, 0x1.0b5586cf9890fp+0, 0x1.172b83c7d517bp+0, 0x1.2387a6e756238p+0,
      0x1.306fe0a31b715p+0, 0x1.3dea64c123422p+0, 0x1.4bfdad5362a27p+0, 0x1.5ab07dd485429p+0,
      0x1.6a09e667f3bcdp+0, 0x1.7a11473eb0187p+0, 0x1.8ace5422aa0dbp+0, 0x1.9c49182a3f090p+0,
      0x1.ae89f995ad3adp+0, 0x1.c199bdd85529cp+0, 0x1.d5818dcfba487p+0, 0x1.ea4afa2a490dap+0};
  // (2^f − 1)/f for |f| <= 1/32. A sixth term would bring the error of e^x from 6e-15 down to its rounding, for 5 % of
  // the time that a row's loss takes.
  constexpr double kTerms[] = {0x1.5d8962c32ca11p-10, 0x1.3b2c78c039ce4p-7, 0x1.c6b08d6f6d929p-5, 0x1.ebfbdff5ffb61p-3,
                               0x1.62e42fefa39efp-1};
  const Vector magic = constant(0x1.8p48);  // adding it rounds to sixteenths, counted by the low bits
  const Vector log2_e = constant(0x1.71547652b82fep0), shifted = hn::MulAdd(x, log2_e, magic);
  const Vector n = hn::Sub(shifted, magic), f = hn::MulSub(x, log2_e, n);
  const Vector root = lookup(kRoots, shifted);
  const Vector power{_mm512_scalef_pd(root.raw, n.raw)};  // root · 2^floor(n)
  return hn::MulAdd(hn::Mul(power, f), polynomial(kTerms, f), power);
}
#else
HWY_INLINE Vector exp_nonpositive(Vector x) {
  // (e^r − 1)/r for |r| <= ln2/2.
  constexpr double kTerms[] = {0x1.af4de97ca4194p-26,
                               0x1.28a2ca617b969p-22,
                               0x1.71de0231960ebp-19,
                               0x1.a019a6611cad5p-16,
                               0x1.a01a01abe7fe1p-13,
                               0x1.6c16c17f46982p-10,
                               0x1.11111111100dcp-7,
                               0x1.55555555520a4p-5,
                               0x1.5555555555557p-3,
                               0x1.0000000000005p-1,
                               1};
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
#endif

/// What exp_nonpositive takes x for: its power there, times this, vanishes as it should.
HWY_INLINE Vector exponent(Vector x) {
#if MIAUDIT_IS_AVX512
  return x;
#else
  return hn::Max(x, constant(kLowest));
#endif
}

/// ln x for normal x > 0, within 3 ulp.
#if MIAUDIT_IS_AVX512
HWY_INLINE Vector log(Vector x) {
  // 20/k for k = 15 … 30 at k mod 16, and minus its logarithm.
  HWY_ALIGN constexpr double kInverses[] = {
      0x1.4000000000000p+0, 0x1.2d2d2d2d2d2d3p+0, 0x1.1c71c71c71c72p+0, 0x1.0d79435e50d79p+0,
      0x1.0000000000000p+0, 0x1.e79e79e79e79ep-1, 0x1.d1745d1745d17p-1, 0x1.bd37a6f4de9bdp-1,
      0x1.aaaaaaaaaaaabp-1, 0x1.999999999999ap-1, 0x1.89d89d89d89d9p-1, 0x1.7b425ed097b42p-1,
      0x1.6db6db6db6db7p-1, 0x1.611a7b9611a7cp-1, 0x1.5555555555555p-1, 0x1.5555555555555p+0};
  HWY_ALIGN constexpr double kLogs[] = {
      -0x1.c8ff7c79a9a22p-3, -0x1.4cd6b97964179p-3, -0x1.af8e8210a4161p-4, -0x1.a431d5bcc1930p-5, 0x0.0p+0,
      0x1.8fb063ef2c7f1p-5,  0x1.8663f793c46c9p-4,  0x1.1e3b825dd05edp-3,  0x1.7565011e49675p-3,  0x1.c8ff7c79a9a20p-3,
      0x1.0ca937be1b9dbp-2,  0x1.334e9e47d07f6p-2,  0x1.588c2d913348fp-2,  0x1.7c7b282d0d46ap-2,  0x1.9f323ecbf984dp-2,
      -0x1.269621134db91p-2};
  // ln(1 + r)/r for |r| <= 1/30.
  constexpr double kTerms[] = {0x1.c80c0cf218c5ap-4,  -0x1.0083c7d16f81bp-3, 0x1.24922f78999e2p-3,
                               -0x1.555539185e6cap-3, 0x1.9999999ba30bcp-3,  -0x1.000000011ec95p-2,
                               0x1.55555555554fcp-2,  -0x1.fffffffffff9ep-2, 0x1.0000000000000p+0};
  const hn::RebindToSigned<Doubles> integers;
  const auto bits = hn::BitCast(integers, x);
  // x = 2^n · m with m in [¾, 1½), near k/20.
  const auto n = hn::ShiftRight<52>(hn::Sub(bits, hn::Set(integers, 0x3fe8000000000000)));
  const Vector m = hn::BitCast(kDoubles, hn::Sub(bits, hn::ShiftLeft<52>(n)));
  const Vector k = hn::MulAdd(m, constant(20), constant(0x1.8p52));
  const Vector r = hn::MulSub(m, lookup(kInverses, k), constant(1));
  const Vector near = hn::MulAdd(hn::ConvertTo(kDoubles, n), constant(0x1.62e42fefa39efp-1), lookup(kLogs, k));
  return hn::MulAdd(r, polynomial(kTerms, r), near);
}
#else
HWY_INLINE Vector log(Vector x) {
  // (artanh(u)/u − 1)/u² by u² for |u| <= (√2 − 1)/(√2 + 1).
  constexpr double kTerms[] = {0x1.2b5b5fb2eac92p-4, 0x1.39fe208c33457p-4, 0x1.7462b69705382p-4, 0x1.c71c62debf86bp-4,
                               0x1.2492492df6947p-3, 0x1.99999999952b2p-3, 0x1.5555555555558p-2};
  const hn::RebindToSigned<Doubles> integers;
  const auto bits = hn::BitCast(integers, x);
  // x = 2^n · m with m in [√½, √2).
  const auto n = hn::ShiftRight<52>(hn::Sub(bits, hn::Set(integers, 0x3fe6a09e667f3bcd)));
  const Vector m = hn::BitCast(kDoubles, hn::Sub(bits, hn::ShiftLeft<52>(n)));
  // Adding it to a small integer's bits makes a double of it.
  const Vector magic = constant(0x1.8p52);
  const Vector exponent = hn::Sub(hn::BitCast(kDoubles, hn::Add(n, hn::BitCast(integers, magic))), magic);
  const Vector u = hn::Div(hn::Sub(m, constant(1)), hn::Add(m, constant(1))), u2 = hn::Mul(u, u);
  const Vector twice = hn::Add(u, u);
  const Vector tail = hn::MulAdd(hn::Mul(twice, u2), polynomial(kTerms, u2), hn::Mul(exponent, constant(kLn2Low)));
  return hn::Add(hn::MulAdd(exponent, constant(kLn2High), twice), tail);
}
#endif

/// ln(1 + x) for finite x >= 0, within 4 ulp.
HWY_INLINE Vector log1p_nonnegative(Vector x) {
  const Vector one = constant(1), y = hn::Add(x, one);
  // What 1 + x lost to rounding matters, and is its own logarithm's share, only where x < 1.
  const Vector lost = hn::Sub(x, hn::Sub(y, one));
  return hn::Add(log(y), hn::IfThenElseZero(hn::Lt(x, one), lost));
}

/// −ln(1 − p) for 0 <= p <= ½, to 2e-15 of itself.
#if MIAUDIT_IS_AVX512
HWY_INLINE Vector minus_log_complement(Vector p) {
  // 1/(1 − c) of c near k/30.9, k = 0 … 15, and its logarithm.
  HWY_ALIGN constexpr double kInverses[] = {
      0x1.0000000000000p+0, 0x1.088fd6e72baa6p+0, 0x1.11b75d02a84dfp+0, 0x1.1b86e1b86e1b8p+0,
      0x1.2611214efd252p+0, 0x1.316bbcc9a316cp+0, 0x1.3dafcea68de13p+0, 0x1.4afaa4f437b2ep+0,
      0x1.596eac283e9a4p+0, 0x1.69349a4d26935p+0, 0x1.7a7cf013991c3p+0, 0x1.8d81edfd6d58cp+0,
      0x1.a28a28a28a28ap+0, 0x1.b9ebfa4782253p+0, 0x1.d4122d719c061p+0, 0x1.f1826a439f657p+0};
  HWY_ALIGN constexpr double kLogs[] = {0x0.0p+0,
                                        0x1.0d7f7c15a4701p-5,
                                        0x1.1215082754d2cp-4,
                                        0x1.a2528994f5f0cp-4,
                                        0x1.1be9fdd911ef1p-3,
                                        0x1.697fc2b4b4745p-3,
                                        0x1.ba23afec5ed4cp-3,
                                        0x1.070af44f3414fp-2,
                                        0x1.32cf65110bebdp-2,
                                        0x1.60883236e405cp-2,
                                        0x1.906425425f728p-2,
                                        0x1.c298ea6c87286p-2,
                                        0x1.f7647c75fbd0cp-2,
                                        0x1.178779ba862b4p-1,
                                        0x1.34f66c69642ecp-1,
                                        0x1.543118a3facb4p-1};
  // −ln(1 − r)/r for |r| <= .0315, 1 − p = (1 − c)(1 − r).
  constexpr double kTerms[] = {0x1.006829d268edfp-3, 0x1.2506053896786p-3, 0x1.555544ca61151p-3, 0x1.99998738390b2p-3,
                               0x1.000000006b96fp-2, 0x1.55555555ccdfbp-2, 0x1.ffffffffffff2p-2, 0x1.ffffffffffff8p-1};
  const Vector magic = constant(0x1.8p52), k = hn::MulAdd(p, constant(30.9), magic);
  const Vector inverse = lookup(kInverses, k);
  const Vector r = hn::MulAdd(p, inverse, hn::Sub(constant(1), inverse));
  return hn::MulAdd(r, polynomial(kTerms, r), lookup(kLogs, k));
}
#else
HWY_INLINE Vector minus_log_complement(Vector p) {
  constexpr double kTerms[] = {0x1.a75c1c5ee9183p+4,  -0x1.be01a59b3ddc0p+6, 0x1.be3fac8a84b05p+7,
                               -0x1.1595f1165d062p+8, 0x1.df46bfd821e40p+7,  -0x1.2eee59b672633p+7,
                               0x1.2255cf8e61639p+6,  -0x1.aae3bbcdfe8efp+4, 0x1.f0ae22e19c32fp+2,
                               -0x1.a4205d520fa45p+0, 0x1.923a3db257b9ap-2,  0x1.e3c2e7ee3503bp-5,
                               0x1.d885daf40a028p-4,  0x1.fea4523feb86ep-4,  0x1.249c34516c26fp-3,
                               0x1.5554ef584f8d0p-3,  0x1.99999c5392d75p-3,  0x1.fffffff49b503p-3,
                               0x1.5555555561e92p-2,  0x1.fffffffffff50p-2,  1};
  return hn::Mul(p, polynomial(kTerms, p));
}
#endif

/// a/b rounded to nearest, for 0 <= a <= b and 2^-900 <= b <= 2^900, given inverse = 1/b rounded to nearest (Markstein
/// 1990, doi:10.1147/rd.341.0111): two exact remainders in place of a division, which takes four times as long.
HWY_INLINE Vector divide(Vector a, Vector b, Vector inverse) {
  if constexpr (!kFusedMultiplyAdd) return hn::Div(a, b);
  Vector q = hn::Mul(a, inverse);
  q = hn::MulAdd(hn::NegMulAdd(q, b, a), inverse, q);
  return hn::MulAdd(hn::NegMulAdd(q, b, a), inverse, q);
}

}  // namespace
}  // namespace miaudit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // MIAUDIT_MATH_VECTOR_MATH_INL_H_
