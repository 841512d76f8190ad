// exp(t) for kLowest <= t <= 0 in single precision; compiled once per target.
#if defined(TYPETALLY_TALLY_CPU_WEIGH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TYPETALLY_TALLY_CPU_WEIGH_INL_H_
#undef TYPETALLY_TALLY_CPU_WEIGH_INL_H_
#else
#define TYPETALLY_TALLY_CPU_WEIGH_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace typetally::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::ScalableTag<float>;
using U32 = hn::RebindToUnsigned<F32>;
using V32 = hn::Vec<F32>;

/// Where exp(t) nears the least normal float. A logit further below counts as if it were here: 4e-38 of the maximum, so
/// not 1e-28 of a row even if 2^31 logits do.
inline constexpr float kLowest = -86.0f;

inline constexpr float kLog2E = 0x1.715476p+0f;
inline constexpr float kLn2 = 0x1.62e43p-1f;  // 2e-9 too large

/// The first half of exp(t): t = n ln 2 + f, with n in the last bits. Its constructors are written out because implicit
/// ones are compiled for the baseline, where GCC cannot call those of NEON's vectors.
struct Reduced {
  V32 f;
  hn::Vec<U32> n;

  HWY_INLINE Reduced() {}
  HWY_INLINE Reduced(V32 fraction, hn::Vec<U32> power) : f(fraction), n(power) {}
};

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2

#if HWY_TARGET <= HWY_AVX3

/// The 32 fractional powers of two in two registers, and f p(f) = exp(f) - 1 for |f| <= ln 2 / 64 within 5.4e-8.
struct Powers {
  static constexpr int kBits = 5;

  HWY_INLINE Powers() : low(hn::LoadU(U32(), kFractions).raw), high(hn::LoadU(U32(), kFractions + 16).raw) {}

  HWY_INLINE hn::Vec<U32> fraction(hn::Vec<U32> n) const {
    return hn::Vec<U32>{_mm512_permutex2var_epi32(low, n.raw, high)};
  }

  static HWY_INLINE V32 exp_minus_1(V32 f) {
    const F32 d;
    return hn::Mul(f, hn::MulAdd(f, hn::Set(d, 0x1.00001400p-1f), hn::Set(d, 0x1.0000f600p+0f)));
  }

  __m512i low, high;
  alignas(64) static constexpr std::uint32_t kFractions[32] = {
      0x3F800000, 0x3F7ECD87, 0x3F7DAAC3, 0x3F7C980F, 0x3F7B95C2, 0x3F7AA43A, 0x3F79C3D3, 0x3F78F4F0,
      0x3F7837F0, 0x3F778D3A, 0x3F76F532, 0x3F767043, 0x3F75FED7, 0x3F75A15B, 0x3F75583F, 0x3F7523F6,
      0x3F7504F3, 0x3F74FBAF, 0x3F7508A4, 0x3F752C4D, 0x3F75672A, 0x3F75B9BE, 0x3F76248C, 0x3F76A81E,
      0x3F7744FD, 0x3F77FBB8, 0x3F78CCDF, 0x3F79B907, 0x3F7AC0C7, 0x3F7BE4BA, 0x3F7D257D, 0x3F7E83B3};
};

#else

/// The 8 fractional powers of two in one register, and exp(f) - 1 for |f| <= ln 2 / 16 within 2.6e-8.
struct Powers {
  static constexpr int kBits = 3;

  HWY_INLINE Powers() : all(hn::LoadU(U32(), kFractions).raw) {}

  HWY_INLINE hn::Vec<U32> fraction(hn::Vec<U32> n) const {
    return hn::Vec<U32>{_mm256_permutevar8x32_epi32(all, n.raw)};
  }

  static HWY_INLINE V32 exp_minus_1(V32 f) {
    const F32 d;
    const auto p = hn::MulAdd(f, hn::Set(d, 0x1.555656p-3f), hn::Set(d, 0x1.000874p-1f));
    return hn::MulAdd(hn::Mul(f, f), p, f);
  }

  __m256i all;
  alignas(32) static constexpr std::uint32_t kFractions[8] = {0x3F800000, 0x3F7B95C2, 0x3F7837F0, 0x3F75FED7,
                                                              0x3F7504F3, 0x3F75672A, 0x3F7744FD, 0x3F7AC0C7};
};

#endif

/// n = t log2(e) rounded to 2^-kBits, f = t - n ln 2, and exp(t) = 2^n (1 + (exp(f) - 1)). The fractional powers of two
/// are one permutation of registers, which reads the last kBits of n; kFractions holds their bits less
/// i << 23 - kBits, which shifting all of n adds again along with its exponent.
class Weigh {
 public:
  HWY_INLINE Weigh() : powers_() {}  // an implicit one would be compiled without the target's instructions

  /// `rest` is added to t with more care than t itself could hold.
  template <bool kRest>
  HWY_INLINE Reduced reduce(V32 t, V32 rest) const {
    const F32 d;
    const auto magic = hn::Set(d, 1.5f * static_cast<float>(1 << (23 - Powers::kBits)));  // its last bit is 2^-kBits
    const auto shifted = hn::MulAdd(t, hn::Set(d, kLog2E), magic);
    auto f = hn::NegMulAdd(hn::Sub(shifted, magic), hn::Set(d, kLn2), t);
    if constexpr (kRest) f = hn::Add(f, rest);
    return {f, hn::BitCast(U32(), shifted)};
  }

  HWY_INLINE V32 exp(const Reduced& t) const {
    const auto bits = hn::Add(powers_.fraction(t.n), hn::ShiftLeft<23 - Powers::kBits>(t.n));
    const auto power = hn::BitCast(F32(), bits);
    return hn::MulAdd(power, Powers::exp_minus_1(t.f), power);
  }

 private:
  Powers powers_;
};

#else

/// n = t log2(e) rounded, f = t - n ln 2, exp(t) = 2^n (1 + f + f^2 p(f)) with p of degree 3, minimax within 1.05e-7.
/// The two halves of p do not wait for each other.
class Weigh {
 public:
  template <bool kRest>
  HWY_INLINE Reduced reduce(V32 t, V32 rest) const {
    const F32 d;
    const auto magic = hn::Set(d, 0x1.8p+23f);  // its last bit is worth 1
    const auto shifted = hn::MulAdd(t, hn::Set(d, kLog2E), magic);
    auto f = less_ln2(t, hn::Sub(shifted, magic));
    if constexpr (kRest) f = hn::Add(f, rest);
    return {f, hn::BitCast(U32(), shifted)};
  }

  HWY_INLINE V32 exp(const Reduced& t) const {
    const F32 d;
    const U32 du;
    const auto f = t.f, ff = hn::Mul(f, f);
    const auto low = hn::MulAdd(f, hn::Set(d, 0x1.5557aep-3f), hn::Set(d, 0x1.fffdfcp-2f));
    const auto high = hn::MulAdd(f, hn::Set(d, 0x1.106284p-7f), hn::Set(d, 0x1.5729f0p-5f));
    const auto p = hn::Add(hn::MulAdd(ff, hn::MulAdd(ff, high, low), f), hn::Set(d, 1.0f));
    return hn::BitCast(d, hn::Add(hn::BitCast(du, p), hn::ShiftLeft<23>(t.n)));
  }

 private:
  static HWY_INLINE V32 less_ln2(V32 t, V32 n) {
    const F32 d;
#if HWY_NATIVE_FMA
    return hn::NegMulAdd(n, hn::Set(d, kLn2), t);
#else
    // n times the high part has 7 + 9 bits, so no rounding is amplified when most of t cancels.
    const auto high = hn::Sub(t, hn::Mul(n, hn::Set(d, 0x1.63p-1f)));
    return hn::Add(high, hn::Mul(n, hn::Set(d, 0x1.bd0106p-13f)));
#endif
  }
};

#endif

}  // namespace typetally::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
