// The two sums of a row; compiled once per target.
#if defined(TYPETALLY_TALLY_CPU_SUMS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TYPETALLY_TALLY_CPU_SUMS_INL_H_
#undef TYPETALLY_TALLY_CPU_SUMS_INL_H_
#else
#define TYPETALLY_TALLY_CPU_SUMS_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "tally/cpu/blocks-inl.h"
#include "tally/cpu/lanes-inl.h"
#include "tally/cpu/weigh-inl.h"

HWY_BEFORE_NAMESPACE();
namespace typetally::cpu::HWY_NAMESPACE {

/// exp(x - shift) and (x - shift) exp(x - shift), summed. Chains of kChain floats go to double at once, because a
/// long chain of equal addends rounds the same way each time. What rounding does to s1 and s2 the entropy multiplies by
/// s2 / s1, so shift is the mean that the weights have so far (center) rather than the maximum, where it is -ln V or
/// so.
class Sums {
 public:
  double s1 = 0, s2 = 0;

  /// What to subtract for s2 to be near 0.
  double center(double shift) const { return s1 > 0 ? shift + s2 / s1 : shift; }

  void rescale(double from, double to) {
    if (s1 == 0 || from == to) return;
    const double lower = from - to, scale = std::exp(lower);
    s2 = scale * (s2 + lower * s1);
    s1 *= scale;
  }

  /// kClamped: some logit may be below shift + kLowest.
  template <bool kClamped, class T>
  HWY_INLINE void add_block(const Block<T>& block, float shift) {
    const F32 d;
    const hn::ScalableTag<double> dd;
    const auto step = kStepVectors * static_cast<std::int64_t>(hn::Lanes(d));
    const auto chain = kChain * step;
    auto total1 = hn::Zero(dd), total2 = hn::Zero(dd);
    const Weigh weigh;
    const auto vshift = hn::Set(d, shift);
    const T* x = block.x;
    for (std::int64_t begin = 0; begin < block.padded; begin += chain) {
      Chain chains[kStepVectors];
      Term terms[kChain * kStepVectors];  // stays empty unless kApart
      Term* last = terms;
      const std::int64_t end = std::min(block.padded, begin + chain);
      for (std::int64_t i = begin; i < end; i += step) {
        prefetch(x + i, step, block.ahead);
        const Pair v = Lanes<T>::load_pair(x + i), w = Lanes<T>::load_pair(x + i + step / 2);
        const V32 logits[kStepVectors] = {v.a, v.b, w.a, w.b};
        for (int k = 0; k < kStepVectors; ++k) {
          const Term term = prepared<Lanes<T>::kRest, kClamped>(weigh, logits[k], vshift);
          if constexpr (kApart)
            *last++ = term;
          else
            chains[k].add(weigh, term);
        }
      }
      for (const Term* term = terms; term < last; term += kStepVectors)
        for (int k = 0; k < kStepVectors; ++k) chains[k].add(weigh, term[k]);
      const Chain all = Chain::joined(Chain::joined(chains[0], chains[1]), Chain::joined(chains[2], chains[3]));
      total1 = hn::Add(total1, widened_sum(all.s1));
      total2 = hn::Add(total2, widened_sum(all.s2));
    }
    s1 += hn::GetLane(hn::SumOfLanes(dd, total1));
    s2 += hn::GetLane(hn::SumOfLanes(dd, total2));
  }

 private:
  /// Steps, each of which adds one vector to each of four chains. Weigh is least exact under AVX2, which pays with
  /// shorter chains: 8 steps leave an error of 1.2e-6 in rows of one logit at 12 above 151,935 equal ones, 6 leave
  /// 7e-7.
  static constexpr std::int64_t kChain = HWY_TARGET == HWY_AVX2 ? 6 : 8;

  /// Whether all terms of a chain are prepared before the first is added. Without multiply-add, 15 of a vector's two
  /// dozen instructions wait for one another, and a core sees too few vectors ahead to fill its pipes meanwhile. In two
  /// loops each half waits half as long.
  static constexpr bool kApart = !HWY_NATIVE_FMA;

  struct Term {
    V32 t;
    Reduced reduced;

    HWY_INLINE Term() {}
    HWY_INLINE Term(V32 logit, Reduced first_half) : t(logit), reduced(first_half) {}
  };

  struct Chain {
    V32 s1, s2;

    HWY_INLINE Chain() : s1(hn::Zero(F32())), s2(hn::Zero(F32())) {}

    HWY_INLINE void add(const Weigh& weigh, const Term& term) {
      const auto e = weigh.exp(term.reduced);
      s1 = hn::Add(s1, e);
      s2 = hn::MulAdd(term.t, e, s2);
    }

    static HWY_INLINE Chain joined(const Chain& a, const Chain& b) {
      Chain both;
      both.s1 = hn::Add(a.s1, b.s1);
      both.s2 = hn::Add(a.s2, b.s2);
      return both;
    }
  };

  template <bool kRest, bool kClamped>
  static HWY_INLINE Term prepared(const Weigh& weigh, V32 x, V32 shift) {
    auto t = hn::Sub(x, shift);
    auto rest = t;
    // What the subtraction lost; exact because shift has few bits (round_shift).
    if constexpr (kRest) rest = hn::Sub(x, hn::Add(t, shift));
    if constexpr (kClamped) t = hn::Max(t, hn::Set(F32(), kLowest));
    if constexpr (kClamped && kRest) rest = hn::IfThenElseZero(hn::Gt(t, hn::Set(F32(), kLowest)), rest);
    return {t, weigh.reduce<kRest>(t, rest)};
  }

  /// Asks for the lines `ahead` of a step.
  template <class T>
  static HWY_INLINE void prefetch(const T* x, std::int64_t step, std::int64_t ahead) {
    constexpr auto kLine = static_cast<std::int64_t>(64 / sizeof(T));
    for (std::int64_t line = 0; line < step; line += kLine) hwy::Prefetch(x + ahead + line);
  }

  static HWY_INLINE hn::Vec<hn::ScalableTag<double>> widened_sum(V32 v) {
    const hn::ScalableTag<double> dd;
#if HWY_TARGET == HWY_SCALAR
    return hn::PromoteTo(dd, v);
#else
    return hn::PromoteTo(dd, hn::Add(hn::LowerHalf(v), hn::UpperHalf(hn::Half<F32>(), v)));
#endif
  }
};

}  // namespace typetally::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
