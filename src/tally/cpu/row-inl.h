// The statistics of rows in single precision; compiled once per target.
#if defined(TYPETALLY_TALLY_CPU_ROW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TYPETALLY_TALLY_CPU_ROW_INL_H_
#undef TYPETALLY_TALLY_CPU_ROW_INL_H_
#else
#define TYPETALLY_TALLY_CPU_ROW_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "hwy/highway.h"
#include "tally/cpu/blocks-inl.h"
#include "tally/cpu/job.h"
#include "tally/cpu/lanes-inl.h"
#include "tally/cpu/order-inl.h"
#include "tally/cpu/sums-inl.h"
#include "tally/rows.h"

HWY_BEFORE_NAMESPACE();
namespace typetally::cpu::HWY_NAMESPACE {

/// Blocks whose every logit lies further below the maximum than this are passed over: 2^31 of them are 4e-7 of a row.
inline constexpr float kNegligible = 40.0f;

/// One row. Instructions per vector of bfloat16 under AVX-512: 1 to unpack, 1 for the extremes, 12 for the two sums
/// (AVX2: 13) and 0.3 for their widening; 6 of them multiply, of which Zen 4 starts one
/// 512-bit vector per cycle. Arithmetic bounds it, not memory: 5 G logits/s are 10 GB/s.
/// SSE4, without multiply-add, takes 24 for the two sums, and is bound by how long they wait for each other (Sums).
template <class T>
class RowReader {
 public:
  RowReader(Blocks<T>& blocks, std::int64_t vocabulary, const LabelPlace& label)
      : blocks_(blocks),
        vocabulary_(vocabulary),
        label_(label),
        bar_(round_down<T>(label.logit)),
        above_(bar_, false),
        // A logit that T does not hold has no ties.
        not_below_(bar_, to_float(bar_) == label.logit) {}

  RowStats read(std::int64_t vocab_offset) {
    for (std::int64_t begin = 0; begin < vocabulary_;) {
      const auto block = blocks_.at(begin);
      if (!add(block, begin)) return poisoned_row(label_);
      begin += block.valid;
    }
    sums_.rescale(shift_, max_);
    RowStats stats{.max = max_, .s1 = sums_.s1, .s2 = sums_.s2, .label_logit = label_.logit};
    stats.argmax = vocab_offset + find_max();
    stats.rank = label_.known ? rank_ : -1;
    stats.has_label = label_.known;
    stats.finite = !label_.known || std::isfinite(label_.logit);
    return stats;
  }

 private:
  /// How far above shift a logit may lie: exp of it and their sums stay far inside float.
  static constexpr float kHeadroom = 2.0f;
  static constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

  bool add(const Block<T>& block, std::int64_t begin) {
    const Extremes range = extremes_of(block.x, block.padded);
    if (range.poisoned) return false;
    if (range.max > max_) {
      max_ = range.max;
      max_block_ = begin;
      if (max_ > shift_ + kHeadroom) move_shift(max_);
    }
    if (label_.known && range.max >= to_float(bar_)) rank_ += count(block, begin);
    // The first test is for a row of -inf so far, where the second would be false for NaN.
    if (range.max == kMinusInfinity || range.max < max_ - kNegligible) return true;
    if (range.min - shift_ >= kLowest) {
      sums_.template add_block<false>(block, shift_);
    } else {
      sums_.template add_block<true>(block, shift_);
    }
    if (const double center = sums_.center(shift_); std::abs(center - shift_) > 1) move_shift(center);
    return true;
  }

  void move_shift(double to) {
    const float shift = round_shift(static_cast<float>(to), max_);
    sums_.rescale(shift_, shift);
    shift_ = shift;
  }

  std::int64_t count(const Block<T>& block, std::int64_t begin) const {
    const std::int64_t before = std::clamp<std::int64_t>(label_.tied_before - begin, 0, block.valid);
    const std::int64_t whole = before == block.valid ? block.padded : before / kFirstBlock * kFirstBlock;
    std::int64_t found = not_below_.count(block.x, whole) + above_.count(block.x + whole, block.padded - whole);
    for (std::int64_t i = whole; i < before; ++i) found += not_below_(block.x[i]) && !above_(block.x[i]);
    return found;
  }

  std::int64_t find_max() {
    const auto block = blocks_.at(max_block_);
    return max_block_ + first_of(block.x, block.padded, round_down<T>(max_));
  }

  Blocks<T>& blocks_;
  std::int64_t vocabulary_;
  const LabelPlace& label_;
  T bar_;
  Before<T> above_, not_below_;
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
