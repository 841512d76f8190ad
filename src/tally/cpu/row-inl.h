// The statistics of rows in single precision; compiled once per target.
#if defined(TYPETALLY_TALLY_CPU_ROW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TYPETALLY_TALLY_CPU_ROW_INL_H_
#undef TYPETALLY_TALLY_CPU_ROW_INL_H_
#else
#define TYPETALLY_TALLY_CPU_ROW_INL_H_
#endif

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "tally/cpu/job.h"
#include "tally/cpu/lanes-inl.h"
#include "tally/cpu/weigh-inl.h"
#include "tally/rows.h"

HWY_BEFORE_NAMESPACE();
namespace typetally::cpu::HWY_NAMESPACE {

/// Logits per block: 4 KiB of 16-bit values, which stay in the first-level cache between the looks at them.
inline constexpr std::int64_t kBlock = 2048;

/// Blocks whose every logit lies further below the maximum than this are passed over: 2^31 of them are 4e-7 of a row.
inline constexpr float kNegligible = 40.0f;

/// The vectors of a step, which are read together; blocks are padded to whole steps.
inline constexpr std::int64_t kStepVectors = 4;

struct Extremes {
  float max;
  float min;
  bool poisoned;  ///< NaN or +inf is among the values
};

/// One read that settles everything about the block's range. Non-negative floats sort like signed integers of their
/// bits and above all negative ones; negative floats sort in reverse of unsigned integers. NaN has the largest
/// magnitude of its sign. So a signed maximum, an unsigned minimum and an unsigned maximum tell the maximum, the
/// minimum and the presence of NaN and +inf, at 3 instructions per vector of 16-bit values. n is a multiple of a step.
template <class T>
HWY_INLINE Extremes extremes_of(const T* x, std::int64_t n) {
  using L = Lanes<T>;
  const hn::ScalableTag<typename L::Bits> du;
  const hn::RebindToSigned<decltype(du)> di;
  const auto* bits = reinterpret_cast<const L::Bits*>(x);
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(du));
  auto umax0 = hn::LoadU(du, bits), umax1 = hn::LoadU(du, bits + lanes);
  auto umin0 = umax0, umin1 = umax1;
  auto smax0 = hn::BitCast(di, umax0), smax1 = hn::BitCast(di, umax1);
  for (std::int64_t i = 2 * lanes; i < n; i += 2 * lanes) {
    const auto v = hn::LoadU(du, bits + i), w = hn::LoadU(du, bits + i + lanes);
    umax0 = hn::Max(umax0, v), umax1 = hn::Max(umax1, w);
    umin0 = hn::Min(umin0, v), umin1 = hn::Min(umin1, w);
    smax0 = hn::Max(smax0, hn::BitCast(di, v)), smax1 = hn::Max(smax1, hn::BitCast(di, w));
  }
  const auto smax = hn::GetLane(hn::MaxOfLanes(di, hn::Max(smax0, smax1)));
  const auto umin = hn::GetLane(hn::MinOfLanes(du, hn::Min(umin0, umin1)));
  const auto umax = hn::GetLane(hn::MaxOfLanes(du, hn::Max(umax0, umax1)));
  constexpr auto kSign = static_cast<L::Bits>(~L::kInfinity & L::kMinusInfinity);
  const auto max_bits = smax >= 0 ? static_cast<L::Bits>(smax) : umin;
  const auto min_bits = umax >= kSign ? umax : umin;
  const bool poisoned = umax > L::kMinusInfinity || (smax >= 0 && max_bits >= L::kInfinity);
  return {to_float(std::bit_cast<T>(max_bits)), to_float(std::bit_cast<T>(min_bits)), poisoned};
}

/// Columns of x [n] above `bar`. n is a multiple of a step.
template <class T>
HWY_INLINE std::int64_t count_above(const T* x, std::int64_t n, float bar) {
  const F32 d;
  const auto limit = hn::Set(d, bar);
  const auto pair = 2 * static_cast<std::int64_t>(hn::Lanes(d));
  std::size_t count = 0;
  for (std::int64_t i = 0; i < n; i += pair) {
    const Pair v = Lanes<T>::load_pair(x + i);
    count += hn::CountTrue(d, hn::Gt(v.a, limit)) + hn::CountTrue(d, hn::Gt(v.b, limit));
  }
  return static_cast<std::int64_t>(count);
}

/// Neighbouring columns of a row in contiguous memory.
template <class T>
struct Block {
  const T* x;
  std::int64_t valid;   ///< columns
  std::int64_t padded;  ///< with -inf, to a multiple of a step
  std::int64_t ahead;   ///< elements to memory that is needed next, or 0
};

/// A row as contiguous blocks of whole steps: where the vocabulary is strided, and at its end, through a copy padded
/// with -inf.
template <class T>
class Blocks {
 public:
  Blocks(const T* row, std::int64_t stride, std::int64_t size) : row_(row), stride_(stride), size_(size) {}

  Block<T> at(std::int64_t begin) {
    const std::int64_t valid = std::min(kBlock, size_ - begin);
    const auto step = kStepVectors * static_cast<std::int64_t>(hn::Lanes(F32()));
    const std::int64_t padded = (valid + step - 1) / step * step;
    if (stride_ == 1 && padded == valid) return {row_ + begin, valid, padded, begin + 2 * kBlock <= size_ ? kBlock : 0};
    for (std::int64_t i = 0; i < valid; ++i) copy_[i] = row_[(begin + i) * stride_];
    std::fill(copy_ + valid, copy_ + padded, std::bit_cast<T>(Lanes<T>::kMinusInfinity));
    return {copy_, valid, padded, 0};
  }

 private:
  const T* row_;
  std::int64_t stride_;
  std::int64_t size_;
  alignas(64) T copy_[kBlock];
};

/// exp(x - shift) and (x - shift) exp(x - shift), summed. Chains of kChain floats go to double at once: a chain of
/// equal addends rounds the same way each time, and s2 / s1 in the entropy multiplies what that does to either sum.
class Sums {
 public:
  double s1 = 0, s2 = 0;

  void rescale(double from, double to) {
    if (s1 == 0) return;
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
      Chain a, b;
      const std::int64_t end = std::min(block.padded, begin + chain);
      for (std::int64_t i = begin; i < end; i += step) {
        prefetch(x + i, step, block.ahead);
        const Pair v = Lanes<T>::load_pair(x + i), w = Lanes<T>::load_pair(x + i + step / 2);
        a.add<Lanes<T>::kRest, kClamped>(weigh, v.a, vshift);
        b.add<Lanes<T>::kRest, kClamped>(weigh, v.b, vshift);
        a.add<Lanes<T>::kRest, kClamped>(weigh, w.a, vshift);
        b.add<Lanes<T>::kRest, kClamped>(weigh, w.b, vshift);
      }
      total1 = hn::Add(total1, widened_sum(hn::Add(a.s1, b.s1)));
      total2 = hn::Add(total2, widened_sum(hn::Add(a.s2, b.s2)));
    }
    s1 += hn::GetLane(hn::SumOfLanes(dd, total1));
    s2 += hn::GetLane(hn::SumOfLanes(dd, total2));
  }

 private:
  static constexpr std::int64_t kChain = 2;  // steps

  struct Chain {
    V32 s1, s2;

    HWY_INLINE Chain() : s1(hn::Zero(F32())), s2(hn::Zero(F32())) {}

    template <bool kRest, bool kClamped>
    HWY_INLINE void add(const Weigh& weigh, V32 x, V32 shift) {
      auto t = hn::Sub(x, shift);
      auto rest = t;
      // What the subtraction lost; exact because shift has few bits (Lanes<float>::shift_for).
      if constexpr (kRest) rest = hn::Sub(x, hn::Add(t, shift));
      if constexpr (kClamped) t = hn::Max(t, hn::Set(F32(), kLowest));
      if constexpr (kClamped && kRest) rest = hn::IfThenElseZero(hn::Gt(t, hn::Set(F32(), kLowest)), rest);
      const auto e = weigh.operator()<kRest>(t, rest);
      s1 = hn::Add(s1, e);
      s2 = hn::MulAdd(t, e, s2);
    }
  };

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
    return hn::Add(hn::PromoteTo(dd, hn::LowerHalf(v)), hn::PromoteTo(dd, hn::UpperHalf(hn::Half<F32>(), v)));
#endif
  }
};

/// A label's logit as the float that compares with floats as the double does: rounded down.
struct Bar {
  float logit;
  bool exact;

  explicit Bar(double label_logit) : logit(static_cast<float>(label_logit)) {
    if (logit > label_logit) logit = std::nextafter(logit, -std::numeric_limits<float>::infinity());
    exact = logit == label_logit;
  }
};

/// One row. Instructions per vector of bfloat16 under AVX-512: 1 to unpack, 1.5 for the extremes, 12 for the two sums
/// and 0.5 for their widening, 5 of these 15 multiplications: both 512-bit ports of an Intel core or the two
/// multipliers of a Zen are busy nearly all the time, so that arithmetic, and not memory, bounds it.
template <class T>
class RowReader {
 public:
  RowReader(Blocks<T>& blocks, std::int64_t vocabulary, const LabelPlace& label)
      : blocks_(blocks), vocabulary_(vocabulary), label_(label), bar_(label.logit) {}

  RowStats read(std::int64_t vocab_offset) {
    for (std::int64_t begin = 0; begin < vocabulary_; begin += kBlock)
      if (!add(begin)) return poisoned_row(label_);
    sums_.rescale(shift_, max_);
    RowStats stats{.max = max_, .s1 = sums_.s1, .s2 = sums_.s2, .label_logit = label_.logit};
    stats.argmax = vocab_offset + find_max();
    stats.rank = label_.known ? rank_ : -1;
    stats.has_label = label_.known;
    stats.finite = !label_.known || std::isfinite(label_.logit);
    return stats;
  }

 private:
  static constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

  bool add(std::int64_t begin) {
    const auto block = blocks_.at(begin);
    const Extremes range = extremes_of(block.x, block.padded);
    if (range.poisoned) return false;
    if (range.max > max_) raise(range.max, begin);
    if (label_.known && range.max >= bar_.logit) rank_ += count(block, begin, range.max);
    // The first test is for a row of -inf so far, where the second would be false for NaN.
    if (range.max == kMinusInfinity || range.max < max_ - kNegligible) return true;
    if (range.min - shift_ >= kLowest) {
      sums_.template add_block<false>(block, shift_);
    } else {
      sums_.template add_block<true>(block, shift_);
    }
    return true;
  }

  void raise(float max, std::int64_t begin) {
    const float shift = Lanes<T>::shift_for(max);
    sums_.rescale(shift_, shift);
    shift_ = shift;
    max_ = max;
    max_block_ = begin;
  }

  std::int64_t count(const Block<T>& block, std::int64_t begin, float max) const {
    std::int64_t found = max > bar_.logit ? count_above(block.x, block.padded, bar_.logit) : 0;
    if (!bar_.exact) return found;
    const std::int64_t before = std::min(label_.tied_before - begin, block.valid);
    for (std::int64_t i = 0; i < before; ++i) found += to_float(block.x[i]) == bar_.logit;
    return found;
  }

  std::int64_t find_max() {
    const auto block = blocks_.at(max_block_);
    std::int64_t i = 0;
    while (to_float(block.x[i]) != max_) ++i;
    return max_block_ + i;
  }

  Blocks<T>& blocks_;
  std::int64_t vocabulary_;
  const LabelPlace& label_;
  Bar bar_;
  float max_ = kMinusInfinity;
  float shift_ = kMinusInfinity;
  std::int64_t max_block_ = 0;
  std::int64_t rank_ = 0;
  Sums sums_;
};

template <class T>
void read_rows_of(const Job& job) {
  const std::int64_t vocabulary = job.logits.shape.back(), stride = job.logits.strides.back();
  for (std::size_t i = 0; i < job.requests.size(); ++i) {
    const T* row = static_cast<const T*>(job.logits.data) + row_offset(job.logits, job.requests[i].row);
    const LabelPlace label = place_label(job.requests[i], i, vocabulary, job.options,
                                         [=](std::int64_t column) { return to_float(row[column * stride]); });
    Blocks<T> blocks(row, stride, vocabulary);
    job.out[i] = RowReader<T>(blocks, vocabulary, label).read(job.options.vocab_offset);
  }
}

}  // namespace typetally::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
