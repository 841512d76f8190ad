// Where logits lie, from their bits alone; compiled once per target.
#if defined(TYPETALLY_TALLY_CPU_ORDER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TYPETALLY_TALLY_CPU_ORDER_INL_H_
#undef TYPETALLY_TALLY_CPU_ORDER_INL_H_
#else
#define TYPETALLY_TALLY_CPU_ORDER_INL_H_
#endif

#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "hwy/highway.h"
#include "tally/cpu/lanes-inl.h"
#include "tally/rows.h"

HWY_BEFORE_NAMESPACE();
namespace typetally::cpu::HWY_NAMESPACE {

struct Extremes {
  float max;
  float min;      ///< or something lower that is still not below 0
  bool poisoned;  ///< NaN or +inf is among the values
};

/// The maximum of negative values.
template <class T>
HWY_INLINE float max_of_negative(const T* x, std::int64_t n) {
  using Bits = Lanes<T>::Bits;
  const hn::ScalableTag<Bits> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto* bits = reinterpret_cast<const Bits*>(x);
  auto least = hn::LoadU(d, bits);
  for (std::int64_t i = lanes; i < n; i += lanes) least = hn::Min(least, hn::LoadU(d, bits + i));
  return to_float(std::bit_cast<T>(hn::GetLane(hn::MinOfLanes(d, least))));
}

/// One read that settles the block's range. Non-negative floats sort like signed integers of their bits and above all
/// negative ones; negative floats sort in reverse of unsigned integers. NaN has the largest magnitude of its sign. So a
/// signed and an unsigned maximum tell the maximum, the minimum and the presence of NaN and +inf, at 2 instructions per
/// vector of 16-bit values; only a block of negative values needs a second look. n is a multiple of a step.
template <class T>
HWY_INLINE Extremes extremes_of(const T* x, std::int64_t n) {
  using L = Lanes<T>;
  using Bits = L::Bits;
  const hn::ScalableTag<Bits> du;
  const hn::RebindToSigned<decltype(du)> di;
  const auto* bits = reinterpret_cast<const Bits*>(x);
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(du));
  auto umax0 = hn::LoadU(du, bits), umax1 = hn::LoadU(du, bits + lanes);
  auto smax0 = hn::BitCast(di, umax0), smax1 = hn::BitCast(di, umax1);
  for (std::int64_t i = 2 * lanes; i < n; i += 2 * lanes) {
    const auto v = hn::LoadU(du, bits + i), w = hn::LoadU(du, bits + i + lanes);
    umax0 = hn::Max(umax0, v), umax1 = hn::Max(umax1, w);
    smax0 = hn::Max(smax0, hn::BitCast(di, v)), smax1 = hn::Max(smax1, hn::BitCast(di, w));
  }
  const auto smax = hn::GetLane(hn::MaxOfLanes(di, hn::Max(smax0, smax1)));
  const auto umax = hn::GetLane(hn::MaxOfLanes(du, hn::Max(umax0, umax1)));
  const bool poisoned = umax > L::kMinusInfinity || smax >= static_cast<L::Signed>(L::kInfinity);
  const float max = smax >= 0 ? to_float(std::bit_cast<T>(static_cast<Bits>(smax))) : max_of_negative(x, n);
  const bool has_negative = static_cast<L::Signed>(umax) < 0;
  return {max, has_negative ? to_float(std::bit_cast<T>(umax)) : 0.0f, poisoned};
}

/// The first column of x [n] that equals `value`, which is there.
template <class T>
HWY_INLINE std::int64_t first_of(const T* x, std::int64_t n, T value) {
  using Bits = Lanes<T>::Bits;
  const hn::ScalableTag<Bits> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto wanted = hn::Set(d, std::bit_cast<Bits>(value));
  std::int64_t i = 0;
  // Either zero is equal to the other, which bits do not show.
  if (to_float(value) != 0)
    while (i + lanes < n && hn::AllFalse(d, hn::Eq(hn::LoadU(d, reinterpret_cast<const Bits*>(x + i)), wanted)))
      i += lanes;
  while (to_float(x[i]) != to_float(value)) ++i;
  return i;
}

/// Which logits come before a label: those above its logit, or those that equal it too. Either is one comparison of
/// bits (see extremes_of): signed ones above a limit, or unsigned ones below it.
template <class T>
struct Before {
  using Bits = Lanes<T>::Bits;
  using Signed = Lanes<T>::Signed;

  bool is_signed;
  Bits limit;

  Before(T bar, bool ties) {
    const auto bits = std::bit_cast<Bits>(bar);
    const bool zero = to_float(bar) == 0, negative = static_cast<Signed>(bits) < 0;
    is_signed = !(ties && zero) && (zero || !negative);
    // Both zeros are equal: above them are the signed above 0, not below them are all unsigned up to that of -0.
    if (zero)
      limit = ties ? static_cast<Bits>(kMinusZero + 1) : Bits{0};
    else
      limit = !ties ? bits : static_cast<Bits>(negative ? bits + 1 : bits - 1);
  }

  bool operator()(T x) const {
    const auto bits = std::bit_cast<Bits>(x);
    return is_signed ? static_cast<Signed>(bits) > static_cast<Signed>(limit) : bits < limit;
  }

  /// Of x [n], none of them NaN; n is a multiple of a step.
  HWY_INLINE std::int64_t count(const T* x, std::int64_t n) const {
    const hn::ScalableTag<Bits> du;
    const hn::RebindToSigned<decltype(du)> di;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(du));
    const auto* bits = reinterpret_cast<const Bits*>(x);
    const auto ulimit = hn::Set(du, limit);
    const auto slimit = hn::BitCast(di, ulimit);
    std::size_t found = 0;
    if (is_signed) {
      for (std::int64_t i = 0; i < n; i += lanes)
        found += hn::CountTrue(di, hn::Gt(hn::BitCast(di, hn::LoadU(du, bits + i)), slimit));
    } else {
      for (std::int64_t i = 0; i < n; i += lanes) found += hn::CountTrue(du, hn::Lt(hn::LoadU(du, bits + i), ulimit));
    }
    return static_cast<std::int64_t>(found);
  }

 private:
  static constexpr auto kMinusZero = static_cast<Bits>(~Lanes<T>::kInfinity & Lanes<T>::kMinusInfinity);
};

/// The largest T that is not above x; NaN stands for +inf. Finite positive T sort like their bits.
template <class T>
T round_down(double x) {
  if constexpr (std::is_same_v<T, float>)
    if (const auto same = static_cast<float>(x); same == x) return same;  // once or twice per row: no search
  using Bits = Lanes<T>::Bits;
  constexpr Bits kSign = static_cast<Bits>(~Lanes<T>::kInfinity & Lanes<T>::kMinusInfinity);
  const bool negative = x < 0;
  const double magnitude = std::abs(x);
  Bits low = 0, high = Lanes<T>::kInfinity;  // of magnitude: low <= |x| <= high
  if (!(magnitude < to_float(std::bit_cast<T>(high)))) low = high;
  while (low < high) {
    const auto middle = static_cast<Bits>(low + (high - low + 1) / 2);
    if (to_float(std::bit_cast<T>(middle)) <= magnitude)
      low = middle;
    else
      high = static_cast<Bits>(middle - 1);
  }
  if (!negative) return std::bit_cast<T>(low);
  const bool exact = to_float(std::bit_cast<T>(low)) == magnitude;
  return std::bit_cast<T>(static_cast<Bits>(kSign | (exact ? low : low + 1)));
}

}  // namespace typetally::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
