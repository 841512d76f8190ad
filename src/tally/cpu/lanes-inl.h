// What the row kernel needs to know of each dtype; compiled once per target.
#if defined(TYPETALLY_TALLY_CPU_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TYPETALLY_TALLY_CPU_LANES_INL_H_
#undef TYPETALLY_TALLY_CPU_LANES_INL_H_
#else
#define TYPETALLY_TALLY_CPU_LANES_INL_H_
#endif

#include <cmath>
#include <cstdint>

#include "hwy/highway.h"
#include "tally/cpu/weigh-inl.h"
#include "tally/rows.h"

HWY_BEFORE_NAMESPACE();
namespace typetally::cpu::HWY_NAMESPACE {

/// Two vectors of neighbouring logits, in any order.
struct Pair {
  V32 a, b;
};

/// `wanted` as a float with few bits: a multiple of 2^-7, so that x - shift loses at most one bit of what x lacks in
/// common with it and the loss is itself a float (Sums). Where floats are coarser than that, their own maximum serves.
inline float round_shift(float wanted, float max) {
  return std::abs(max) < 0x1p16f ? std::floor(wanted * 128 + 0.5f) / 128 : max;
}

/// Per dtype: `Bits` and `Signed`, the integers that its values sort like (extremes_of); the bits of the infinities;
/// load_pair, 2 vectors of float from memory of any alignment; kRest, whether x - shift can lose bits that matter.
template <class T>
struct Lanes;

template <>
struct Lanes<BFloat16> {
  using Bits = std::uint16_t;
  using Signed = std::int16_t;
  static constexpr Bits kInfinity = 0x7F80;
  static constexpr Bits kMinusInfinity = 0xFF80;
  static constexpr bool kRest = false;

  /// The low and the high halves of each 32-bit lane.
  static HWY_INLINE Pair load_pair(const BFloat16* x) {
    const U32 du;
    const auto both = hn::LoadU(du, reinterpret_cast<const std::uint32_t*>(x));
    const auto high = hn::And(both, hn::Set(du, 0xFFFF0000u));
    return {hn::BitCast(F32(), hn::ShiftLeft<16>(both)), hn::BitCast(F32(), high)};
  }
};

template <>
struct Lanes<Float16> {
  using Bits = std::uint16_t;
  using Signed = std::int16_t;
  static constexpr Bits kInfinity = 0x7C00;
  static constexpr Bits kMinusInfinity = 0xFC00;
  static constexpr bool kRest = false;

  static HWY_INLINE Pair load_pair(const Float16* x) {
    const U32 du;
    const auto both = hn::LoadU(du, reinterpret_cast<const std::uint32_t*>(x));
    return {widen(hn::And(both, hn::Set(du, 0xFFFFu))), widen(hn::ShiftRight<16>(both))};
  }

 private:
  /// NaN never comes here, and -inf stays: 0x7C00 << 13 times 2^112 would be finite, so its exponent is set instead.
  static HWY_INLINE V32 widen(hn::Vec<U32> half) {
    const F32 d;
    const U32 du;
    const auto sign = hn::ShiftLeft<16>(hn::And(half, hn::Set(du, 0x8000u)));
    const auto magnitude = hn::And(half, hn::Set(du, 0x7FFFu));
    const auto scaled = hn::Mul(hn::BitCast(d, hn::ShiftLeft<13>(magnitude)), hn::Set(d, 0x1p112f));
    const auto is_infinite =
        hn::MaskFromVec(hn::BitCast(d, hn::VecFromMask(du, hn::Eq(magnitude, hn::Set(du, 0x7C00u)))));
    const auto wide = hn::IfThenElse(is_infinite, hn::BitCast(d, hn::Set(du, 0x7F800000u)), scaled);
    return hn::Or(wide, hn::BitCast(d, sign));
  }
};

template <>
struct Lanes<float> {
  using Bits = std::uint32_t;
  using Signed = std::int32_t;
  static constexpr Bits kInfinity = 0x7F800000;
  static constexpr Bits kMinusInfinity = 0xFF800000;
  static constexpr bool kRest = true;

  static HWY_INLINE Pair load_pair(const float* x) {
    const F32 d;
    return {hn::LoadU(d, x), hn::LoadU(d, x + hn::Lanes(d))};
  }
};

}  // namespace typetally::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
