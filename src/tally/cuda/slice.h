#pragma once

// What one thread does with its share of a slice of a row, and how shares and slices merge. Plain C++ as well: the
// tests run it thread by thread on the host.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "tally/cuda/packed.h"
#include "tally/rows.h"
#include "typetally/tally/row_stats.h"

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
/// logit equals or exceeds x exactly if it exceeds the logit below x.
template <class T>
struct Bars {
  Word above = Packed<T>::kPlusInfinity, tied = Packed<T>::kPlusInfinity;  ///< in each logit; +inf: nothing is counted
  std::int64_t tied_before = 0;
  bool masked = false;  ///< the label is at -inf, which has nothing below

  TYPETALLY_DEVICE explicit Bars(const LabelPlace& label) : tied_before(label.tied_before) {
    if (!label.known || label.logit != label.logit) return;
    auto x = static_cast<float>(label.logit);
    if (x > label.logit) x = Packed<float>::get(Packed<float>::below(Packed<float>::put(x)), 0);
    above = Packed<T>::floor(x);
    tied = Packed<T>::get(above, 0) == label.logit ? Packed<T>::below(above) : above;
    masked = label.logit == -kInfinity;
  }
};

/// Columns [begin, end) of a row whose columns are `stride` elements apart.
template <class T>
struct Slice {
  const T* row;
  std::int64_t stride;
  int begin, end;

  TYPETALLY_DEVICE T element(int column) const { return row[column * stride]; }
  TYPETALLY_DEVICE float at(int column) const { return widen(element(column)); }
};

/// A thread's share of a slice: every kThreads-th vector of 16 bytes, kInFlight at a time, and at most one column
/// before the first and one behind the last whole vector.
template <class T, bool kContiguous>
class Share {
  using P = Packed<T>;

 public:
  static constexpr int kWidth = 16 / sizeof(T);

  TYPETALLY_DEVICE Share(const Slice<T>& slice, const Bars<T>& bars, int thread)
      : slice_(slice), bars_(bars), thread_(thread), first_(slice.begin) {
    if constexpr (kContiguous) {
      const auto past = static_cast<int>(reinterpret_cast<std::uintptr_t>(slice.row + slice.begin) % 16 / sizeof(T));
      if (past != 0) first_ += kWidth - past;
      if (first_ > slice.end) first_ = slice.end;
    }
    vectors_ = (slice.end - first_) / kWidth;
    const std::int64_t before = bars.tied_before - first_;
    tied_vectors_ = before <= 0                   ? 0
                    : before >= vectors_ * kWidth ? vectors_
                                                  : (static_cast<int>(before) - 1) / kWidth + 1;
  }

  TYPETALLY_DEVICE Partial read() {
    if (slice_.begin + thread_ < first_) add_one(slice_.begin + thread_, kHead);
    const int whole = vectors_ / (kInFlight * kThreads);
    for (int group = 0; group < whole; ++group) add_group<true>(group);
    if (whole * kInFlight * kThreads < vectors_) add_group<false>(whole);
    const int tail = first_ + vectors_ * kWidth;
    if (tail + thread_ < slice_.end) add_one(tail + thread_, kTail);
    part_.rank += P::total(found_);
    if (tied_vectors_ > 0 && (tied_vectors_ - 1) % kThreads == thread_) uncount_ties();
    if (bars_.masked) count_masked();
    return part_;
  }

  /// The first column of this share that holds its maximum, which is not -inf.
  TYPETALLY_DEVICE int first_of_max() const {
    if (best_ == kHead) return slice_.begin + thread_;
    if (best_ == kTail) return first_ + vectors_ * kWidth + thread_;
    for (int j = 0; j < kInFlight; ++j)
      for (int i = 0; i < kWidth; ++i)
        if (const int column = column_of(best_, j) + i; is_whole(best_, j) && slice_.at(column) == part_.max)
          return column;
    return slice_.end;
  }

 private:
  static constexpr int kWords = 4;
  static constexpr int kHead = -1, kTail = -2;

  struct alignas(16) Vector {
    Word words[std::size_t{kWords}];
  };

  TYPETALLY_DEVICE int vector_of(int group, int j) const { return (group * kInFlight + j) * kThreads + thread_; }
  TYPETALLY_DEVICE bool is_whole(int group, int j) const { return vector_of(group, j) < vectors_; }
  TYPETALLY_DEVICE int column_of(int group, int j) const { return first_ + vector_of(group, j) * kWidth; }

  TYPETALLY_DEVICE Vector load(int group, int j) const {
    Vector vector;
    const int column = column_of(group, j);
    if constexpr (kContiguous) {
#ifdef __CUDA_ARCH__
      const uint4 bits = __ldcs(reinterpret_cast<const uint4*>(slice_.row + column));  // read once: do not keep it
      memcpy(&vector, &bits, 16);
#else
      std::memcpy(&vector, slice_.row + column, 16);
#endif
    } else {
      TYPETALLY_UNROLL
      for (int k = 0; k < kWords; ++k) {
        const int at = column + k * P::kPerWord;
        if constexpr (P::kPerWord == 1) {
          vector.words[k] = P::put(slice_.element(at));
        } else {
          vector.words[k] = P::put(slice_.element(at), slice_.element(at + 1));
        }
      }
    }
    return vector;
  }

  /// Not kWhole: the last vectors of a slice, and -inf behind them.
  template <bool kWhole>
  TYPETALLY_DEVICE void add_group(int group) {
    Vector vectors[std::size_t{kInFlight}];
    TYPETALLY_UNROLL
    for (int j = 0; j < kInFlight; ++j) {
      if (kWhole || is_whole(group, j)) {
        vectors[j] = load(group, j);
      } else {
        vectors[j] = {P::kMinusInfinity, P::kMinusInfinity, P::kMinusInfinity, P::kMinusInfinity};
      }
    }
    Word words[std::size_t{kInFlight} * kWords];
    TYPETALLY_UNROLL
    for (int j = 0; j < kInFlight; ++j) {
      const Word bar = vector_of(group, j) < tied_vectors_ ? bars_.tied : bars_.above;
      TYPETALLY_UNROLL
      for (int k = 0; k < kWords; ++k) {
        words[j * kWords + k] = vectors[j].words[k];
        P::count_above(vectors[j].words[k], bar, found_);
      }
    }
    add<kInFlight * kWords>(words, group);
  }

  TYPETALLY_DEVICE void add_one(int column, int place) {
    const float x = slice_.at(column);
    part_.rank += x > P::get(column < bars_.tied_before ? bars_.tied : bars_.above, 0);
    const Word words[1] = {Packed<float>::put(x)};
    add<1, Packed<float>>(words, place);
  }

  /// Columns behind the label in the vector where ties begin to come after it were held to the wrong bar.
  TYPETALLY_DEVICE void uncount_ties() {
    const float tied = P::get(bars_.tied, 0), above = P::get(bars_.above, 0);
    for (auto i = static_cast<int>(bars_.tied_before); i < first_ + tied_vectors_ * kWidth; ++i)
      part_.rank -= slice_.at(i) > tied && !(slice_.at(i) > above);
  }

  /// Per logit: widen, subtract, multiply, exp2, add, clamp, multiply-add, and half of a maximum and a comparison each
  /// in 16 bits. Four chains of at most 8 floats, then double: equal addends round the same way each time.
  template <int N, class Q = P>
  TYPETALLY_DEVICE void add(const Word* words, int place) {
    const float top = max_of<N, Q>(words);
    if (top > part_.max) {
      rescale(part_, top);
      part_.max = top;
      best_ = place;
    }
    const float base = part_.max == -kInfinity ? 0.0f : part_.max;
    float s1[4] = {}, s2[4] = {};
    TYPETALLY_UNROLL
    for (int i = 0; i < N * Q::kPerWord; ++i) {
      const float t = Q::get(words[i / Q::kPerWord], i % Q::kPerWord) - base;
      const float weight = exp2_of(t * kLog2E);
      s1[i % 4] += weight;
      s2[i % 4] = fmaf(fmaxf(t, kFloor), weight, s2[i % 4]);
    }
    part_.s1 += (s1[0] + s1[1]) + (s1[2] + s1[3]);
    part_.s2 += (s2[0] + s2[1]) + (s2[2] + s2[3]);
  }

  template <int N, class Q>
  TYPETALLY_DEVICE static float max_of(const Word* words) {
    if constexpr (N == 1) {
      return Q::get(words[0], 0);
    } else {
      Word top[std::size_t{N / 2}];
      TYPETALLY_UNROLL
      for (int i = 0; i < N / 2; ++i) top[i] = Q::max(words[i], words[i + N / 2]);
      TYPETALLY_UNROLL
      for (int half = N / 4; half > 0; half /= 2) {
        TYPETALLY_UNROLL
        for (int i = 0; i < half; ++i) top[i] = Q::max(top[i], top[i + half]);
      }
      return Q::kPerWord == 1 ? Q::get(top[0], 0) : fmaxf(Q::get(top[0], 0), Q::get(top[0], 1));
    }
  }

  /// No float lies before -inf, so ties with a masked label are counted apart; its row is non-finite anyway.
  TYPETALLY_DEVICE void count_masked() {
    for (int i = slice_.begin + thread_; i < slice_.end && i < bars_.tied_before; i += kThreads)
      part_.rank += slice_.at(i) == -kInfinity;
  }

  Slice<T> slice_;
  Bars<T> bars_;
  int thread_;
  int first_;         ///< column of the first whole vector
  int vectors_;       ///< whole vectors of the slice
  int tied_vectors_;  ///< those that begin before the label
  int best_ = kHead;
  Word found_ = 0;  ///< logits of whole vectors above their bar, as Packed counts them
  Partial part_;
};

TYPETALLY_DEVICE std::int64_t count_slices(std::int64_t vocabulary) { return (vocabulary + kMaxSlice - 1) / kMaxSlice; }

/// Slice `n` of a row. Its length is a multiple of 64 columns, so that a slice begins where the row is aligned.
template <class T>
TYPETALLY_DEVICE Slice<T> slice_of(const T* row, std::int64_t stride, std::int64_t vocabulary, std::int64_t n) {
  const std::int64_t slices = count_slices(vocabulary), size = ((vocabulary + slices - 1) / slices + 63) / 64 * 64;
  const std::int64_t begin = n * size, end = begin + size < vocabulary ? begin + size : vocabulary;
  return {row, stride, static_cast<int>(begin), static_cast<int>(end)};
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
