#pragma once

// What one thread does with its share of a slice of a row, and how shares and slices merge. Plain C++ as well: the
// tests run it thread by thread on the host.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "tally/rows.h"
#include "typetally/tally/row_stats.h"

#ifdef __CUDACC__
#include <cuda_fp16.h>
#define TYPETALLY_DEVICE __host__ __device__ __forceinline__
#define TYPETALLY_UNROLL _Pragma("unroll")
#else
#define TYPETALLY_DEVICE inline
#define TYPETALLY_UNROLL
#endif

namespace typetally::cuda {

inline constexpr int kThreads = 256;  ///< of a block, which reads one slice
inline constexpr int kInFlight = 4;   ///< 16-byte loads that a thread has under way: 16 KiB per block

/// Columns of a slice at most. Rows are sliced by their vocabulary alone, so that their bits do not depend on how many
/// there are; 64 rows of 151,936 columns still make 192 blocks.
inline constexpr std::int64_t kMaxSlice = std::int64_t{1} << 16;

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr float kLog2E = 0x1.715476p+0f;

/// Below this a logit weighs nothing in float, and is no longer multiplied with its weight: -inf times 0 is NaN.
inline constexpr float kFloor = -200.0f;

TYPETALLY_DEVICE float exp2_of(float x) {
#ifdef __CUDA_ARCH__
  float y;  // within 2^-22, one instruction of the special-function unit
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return std::exp2(x);
#endif
}

TYPETALLY_DEVICE float widen(float x) { return x; }
TYPETALLY_DEVICE float widen(BFloat16 x) { return to_float(x); }
TYPETALLY_DEVICE float widen(Float16 x) {
#ifdef __CUDA_ARCH__
  return __half2float(__ushort_as_half(x.bits));
#else
  return to_float(x);
#endif
}

TYPETALLY_DEVICE void mask(float& x) { x = -kInfinity; }
TYPETALLY_DEVICE void mask(BFloat16& x) { x.bits = 0xFF80; }
TYPETALLY_DEVICE void mask(Float16& x) { x.bits = 0xFC00; }

/// Some columns of a row: like RowStats, but before the label is looked at. NaN in s1, or a maximum of +inf, stands for
/// a poisoned row.
struct Partial {
  float max = -kInfinity;
  std::int64_t argmax = 0;  ///< a column
  std::int64_t rank = 0;
  double s1 = 0, s2 = 0;
};

/// Moves the sums to another maximum.
TYPETALLY_DEVICE void rescale(Partial& part, float max) {
  if (part.s1 == 0) return;  // nothing, whose shift may be NaN
  const float shift = part.max - max;
  const double scale = exp2_of(shift * kLog2E);
  part.s2 = scale * (part.s2 + shift * part.s1);
  part.s1 *= scale;
}

/// Columns of `b` come after those of `a` where that matters, which is for argmax.
TYPETALLY_DEVICE Partial merge(Partial a, Partial b) {
  const bool b_leads = b.max > a.max;
  const float max = b_leads ? b.max : a.max;
  rescale(a, max);
  rescale(b, max);
  return {max, b_leads ? b.argmax : a.argmax, a.rank + b.rank, a.s1 + b.s1, a.s2 + b.s2};
}

/// What a logit must exceed to come before the label: `tied` in columns before the label, `above` in those behind. A
/// logit equals or exceeds x exactly if it exceeds the float before x.
struct Bars {
  float above = kInfinity, tied = kInfinity;  ///< +inf: nothing is counted
  std::int64_t tied_before = 0;

  TYPETALLY_DEVICE explicit Bars(const LabelPlace& label) : tied_before(label.tied_before) {
    if (!label.known) return;
    above = static_cast<float>(label.logit);
    if (above > label.logit) above = nextafterf(above, -kInfinity);
    tied = above == label.logit ? nextafterf(above, -kInfinity) : above;
  }
};

/// Columns [begin, end) of a row whose columns are `stride` elements apart.
template <class T>
struct Slice {
  const T* row;
  std::int64_t stride, begin, end;

  TYPETALLY_DEVICE float at(std::int64_t column) const { return widen(row[column * stride]); }
};

/// A thread's share of a slice: every kThreads-th vector of 16 bytes, kInFlight at a time, and at most one column
/// before the first and one behind the last whole vector.
template <class T, bool kContiguous>
class Share {
 public:
  static constexpr int kWidth = 16 / sizeof(T);

  TYPETALLY_DEVICE Share(const Slice<T>& slice, const Bars& bars, int thread)
      : slice_(slice), bars_(bars), thread_(thread), first_(slice.begin) {
    if constexpr (kContiguous) {
      const auto past = static_cast<int>(reinterpret_cast<std::uintptr_t>(slice.row + slice.begin) % 16 / sizeof(T));
      if (past != 0) first_ += kWidth - past;
      if (first_ > slice.end) first_ = slice.end;
    }
    vectors_ = (slice.end - first_) / kWidth;
  }

  TYPETALLY_DEVICE Partial read() {
    if (slice_.begin + thread_ < first_) add_one(slice_.begin + thread_, kHead);
    const std::int64_t groups = (vectors_ + kInFlight * kThreads - 1) / (kInFlight * kThreads);
    for (std::int64_t group = 0; group < groups; ++group) add_group(group);
    const std::int64_t tail = first_ + vectors_ * kWidth;
    if (tail + thread_ < slice_.end) add_one(tail + thread_, kTail);
    if (bars_.above == -kInfinity) count_masked();
    return part_;
  }

  /// The first column of this share that holds its maximum, which is not -inf.
  TYPETALLY_DEVICE std::int64_t first_of_max() const {
    if (best_ == kHead) return slice_.begin + thread_;
    if (best_ == kTail) return first_ + vectors_ * kWidth + thread_;
    for (int j = 0; j < kInFlight; ++j)
      for (int i = 0; i < kWidth; ++i)
        if (const std::int64_t column = column_of(best_, j) + i; is_whole(best_, j) && slice_.at(column) == part_.max)
          return column;
    return slice_.end;
  }

 private:
  static constexpr std::int64_t kHead = -1, kTail = -2;

  struct alignas(16) Vector {
    T values[std::size_t{kWidth}];
  };

  TYPETALLY_DEVICE std::int64_t vector_of(std::int64_t group, int j) const {
    return (group * kInFlight + j) * kThreads + thread_;
  }
  TYPETALLY_DEVICE bool is_whole(std::int64_t group, int j) const { return vector_of(group, j) < vectors_; }
  TYPETALLY_DEVICE std::int64_t column_of(std::int64_t group, int j) const {
    return first_ + vector_of(group, j) * kWidth;
  }

  /// -inf behind the last whole vector.
  TYPETALLY_DEVICE Vector load(std::int64_t group, int j) const {
    Vector vector;
    const std::int64_t column = column_of(group, j);
    if (!is_whole(group, j)) {
      TYPETALLY_UNROLL
      for (int i = 0; i < kWidth; ++i) mask(vector.values[i]);
    } else if constexpr (kContiguous) {
#ifdef __CUDA_ARCH__
      const uint4 bits = __ldcs(reinterpret_cast<const uint4*>(slice_.row + column));  // read once: do not keep it
      memcpy(&vector, &bits, 16);
#else
      std::memcpy(&vector, slice_.row + column, 16);
#endif
    } else {
      for (int i = 0; i < kWidth; ++i) vector.values[i] = slice_.row[(column + i) * slice_.stride];
    }
    return vector;
  }

  TYPETALLY_DEVICE void add_group(std::int64_t group) {
    Vector vectors[kInFlight];
    TYPETALLY_UNROLL
    for (int j = 0; j < kInFlight; ++j) vectors[j] = load(group, j);
    float x[std::size_t{kInFlight} * kWidth];
    TYPETALLY_UNROLL
    for (int j = 0; j < kInFlight; ++j) {
      TYPETALLY_UNROLL
      for (int i = 0; i < kWidth; ++i) x[j * kWidth + i] = widen(vectors[j].values[i]);
      part_.rank += count_before(x + j * kWidth, column_of(group, j));
    }
    add<kInFlight * kWidth>(x, group);
  }

  TYPETALLY_DEVICE void add_one(std::int64_t column, std::int64_t place) {
    const float x[1] = {slice_.at(column)};
    part_.rank += x[0] > (column < bars_.tied_before ? bars_.tied : bars_.above);
    add<1>(x, place);
  }

  /// Of kWidth logits; the bar is the same for all unless the label is among them.
  TYPETALLY_DEVICE int count_before(const float* x, std::int64_t column) const {
    const std::int64_t before = bars_.tied_before - column;
    int found = 0;
    if (before > 0 && before < kWidth) {
      for (int i = 0; i < kWidth; ++i) found += x[i] > (i < before ? bars_.tied : bars_.above);
      return found;
    }
    const float bar = before > 0 ? bars_.tied : bars_.above;
    TYPETALLY_UNROLL
    for (int i = 0; i < kWidth; ++i) found += x[i] > bar;
    return found;
  }

  /// Per logit: widen, maximum, two comparisons, subtract, multiply, exp2, add, clamp, multiply-add. Four chains of at
  /// most 8 floats, then double: equal addends round the same way each time.
  template <int N>
  TYPETALLY_DEVICE void add(const float* x, std::int64_t place) {
    float top = x[0];
    TYPETALLY_UNROLL
    for (int i = 1; i < N; ++i) top = fmaxf(top, x[i]);
    if (top > part_.max) {
      rescale(part_, top);
      part_.max = top;
      best_ = place;
    }
    const float base = part_.max == -kInfinity ? 0.0f : part_.max;
    float s1[4] = {}, s2[4] = {};
    TYPETALLY_UNROLL
    for (int i = 0; i < N; ++i) {
      const float t = x[i] - base;
      const float weight = exp2_of(t * kLog2E);
      s1[i % 4] += weight;
      s2[i % 4] = fmaf(fmaxf(t, kFloor), weight, s2[i % 4]);
    }
    part_.s1 += (s1[0] + s1[1]) + (s1[2] + s1[3]);
    part_.s2 += (s2[0] + s2[1]) + (s2[2] + s2[3]);
  }

  /// No float lies before -inf, so ties with a masked label are counted apart; its row is non-finite anyway.
  TYPETALLY_DEVICE void count_masked() {
    for (std::int64_t i = slice_.begin + thread_; i < slice_.end && i < bars_.tied_before; i += kThreads)
      part_.rank += slice_.at(i) == -kInfinity;
  }

  Slice<T> slice_;
  Bars bars_;
  int thread_;
  std::int64_t first_;    ///< column of the first whole vector
  std::int64_t vectors_;  ///< whole vectors of the slice
  std::int64_t best_ = kHead;
  Partial part_;
};

TYPETALLY_DEVICE std::int64_t count_slices(std::int64_t vocabulary) { return (vocabulary + kMaxSlice - 1) / kMaxSlice; }

/// Slice `n` of a row.
template <class T>
TYPETALLY_DEVICE Slice<T> slice_of(const T* row, std::int64_t stride, std::int64_t vocabulary, std::int64_t n) {
  const std::int64_t slices = count_slices(vocabulary), size = (vocabulary + slices - 1) / slices;
  const std::int64_t begin = n * size, end = begin + size;
  return {row, stride, begin, end < vocabulary ? end : vocabulary};
}

/// The statistics of a whole row.
TYPETALLY_DEVICE RowStats finish(const Partial& row, const LabelPlace& label, std::int64_t vocab_offset) {
  if (row.s1 != row.s1 || row.max == kInfinity) return poisoned_row(label);
  RowStats stats;
  stats.max = row.max;
  stats.s1 = row.s1;
  stats.s2 = row.s2;
  stats.label_logit = label.logit;
  stats.argmax = vocab_offset + row.argmax;
  stats.rank = label.known ? row.rank : -1;
  stats.has_label = label.known;
  stats.finite = !label.known || (label.logit > -kInfinity && label.logit < kInfinity);
  return stats;
}

}  // namespace typetally::cuda
