#pragma once

// Logits as a 32-bit register holds them: one float, or two of 16 bits, of which the device compares both at once.

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "tally/rows.h"

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#define TYPETALLY_DEVICE __host__ __device__ __forceinline__
#define TYPETALLY_UNROLL _Pragma("unroll")
#else
#define TYPETALLY_DEVICE inline
#define TYPETALLY_UNROLL
#endif

namespace typetally::cuda {

using Word = std::uint32_t;

TYPETALLY_DEVICE float widen(float x) { return x; }
TYPETALLY_DEVICE float widen(BFloat16 x) { return to_float(x); }
TYPETALLY_DEVICE float widen(Float16 x) {
#ifdef __CUDA_ARCH__
  return __half2float(__ushort_as_half(x.bits));
#else
  return to_float(x);
#endif
}

/// The number before `bits` of a binary floating-point format with the bits of -inf given; -inf has none before it.
template <class Bits>
TYPETALLY_DEVICE Bits next_below(Bits bits, Bits minus_infinity) {
  constexpr Bits kSign = Bits{1} << (8 * sizeof(Bits) - 1);
  if ((bits & static_cast<Bits>(~kSign)) == 0) return kSign | 1;  // below both zeros lies the least negative number
  if ((bits & kSign) == 0) return static_cast<Bits>(bits - 1);
  return bits == minus_infinity ? bits : static_cast<Bits>(bits + 1);
}

template <class T>
struct Packed;

template <>
struct Packed<float> {
  static constexpr int kPerWord = 1;
  static constexpr Word kMinusInfinity = 0xFF800000u, kPlusInfinity = 0x7F800000u;

  TYPETALLY_DEVICE static float get(Word word, int) { return std::bit_cast<float>(word); }
  TYPETALLY_DEVICE static Word put(float x) { return std::bit_cast<Word>(x); }
  TYPETALLY_DEVICE static Word max(Word a, Word b) { return put(fmaxf(get(a, 0), get(b, 0))); }
  TYPETALLY_DEVICE static void count_above(Word x, Word bar, Word& found) { found += get(x, 0) > get(bar, 0); }
  TYPETALLY_DEVICE static int total(Word found) { return static_cast<int>(found); }
  /// The largest logit of at most x, and the one below a logit, throughout a word.
  TYPETALLY_DEVICE static Word floor(float x) { return put(x); }
  TYPETALLY_DEVICE static Word below(Word word) { return next_below(word, kMinusInfinity); }
};

#ifdef __CUDACC__
template <class T>
struct PairOf;
template <>
struct PairOf<BFloat16> {
  using Type = __nv_bfloat162;
};
template <>
struct PairOf<Float16> {
  using Type = __half2;
};

template <class T>
__device__ __forceinline__ auto pair_of(Word word) {
  typename PairOf<T>::Type pair;
  memcpy(&pair, &word, 4);
  return pair;
}
#endif

/// What both 16-bit formats have in common.
template <class T, std::uint16_t kLowest>
struct PackedHalves {
  static constexpr int kPerWord = 2;
  static constexpr Word kMinusInfinity = kLowest * 0x10001u, kPlusInfinity = kMinusInfinity & 0x7FFF7FFFu;

  TYPETALLY_DEVICE static T half(Word word, int i) { return {static_cast<std::uint16_t>(i == 0 ? word : word >> 16u)}; }
  TYPETALLY_DEVICE static float get(Word word, int i) { return widen(half(word, i)); }
  TYPETALLY_DEVICE static Word put(T low, T high) { return low.bits | Word{high.bits} << 16u; }

  /// Logit by logit; of one that is NaN, the other.
  TYPETALLY_DEVICE static Word max(Word a, Word b) {
#ifdef __CUDA_ARCH__
    const auto pair = __hmax2(pair_of<T>(a), pair_of<T>(b));
    Word word;
    memcpy(&word, &pair, 4);
    return word;
#else
    const auto larger = [=](int i) {
      const float x = get(a, i), y = get(b, i);
      return half(x > y || y != y ? a : b, i);
    };
    return put(larger(0), larger(1));
#endif
  }

  /// `found` is a sum of masks, each with 0xFFFF in the half of a logit above the bar.
  TYPETALLY_DEVICE static void count_above(Word x, Word bar, Word& found) {
#ifdef __CUDA_ARCH__
    found += __hgt2_mask(pair_of<T>(x), pair_of<T>(bar));
#else
    for (const int i : {0, 1})
      if (get(x, i) > get(bar, i)) found += i == 0 ? 0xFFFFu : 0xFFFF0000u;
#endif
  }
  /// A low mask adds 2^16 - 1 and a high one takes 2^16 away, modulo 2^32: up to 65,535 of either can be told apart.
  TYPETALLY_DEVICE static int total(Word found) {
    const Word low = (0u - found) & 0xFFFFu;
    const Word high = (low - ((found + low) >> 16u)) & 0xFFFFu;
    return static_cast<int>(low + high);
  }

  TYPETALLY_DEVICE static Word below(Word word) {
    const T next{next_below<std::uint16_t>(half(word, 0).bits, kLowest)};
    return put(next, next);
  }
};

template <>
struct Packed<BFloat16> : PackedHalves<BFloat16, 0xFF80> {
  TYPETALLY_DEVICE static Word floor(float x) {
    const auto bits = std::bit_cast<Word>(x);
    const bool away = (bits >> 31u) != 0 && (bits & 0xFFFFu) != 0;  // a negative number falls away from zero
    const BFloat16 low{static_cast<std::uint16_t>((bits >> 16u) + (away ? 1u : 0u))};
    return put(low, low);
  }
};

template <>
struct Packed<Float16> : PackedHalves<Float16, 0xFC00> {
  TYPETALLY_DEVICE static Word floor(float x) {
#ifdef __CUDA_ARCH__
    const Float16 low{__half_as_ushort(__float2half_rd(x))};
#else
    Float16 low{0x7C00};
    while (!(to_float(low) <= x)) low.bits = next_below<std::uint16_t>(low.bits, 0xFC00);
#endif
    return put(low, low);
  }
};

}  // namespace typetally::cuda
