// A row as blocks; compiled once per target.
#if defined(TYPETALLY_TALLY_CPU_BLOCKS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TYPETALLY_TALLY_CPU_BLOCKS_INL_H_
#undef TYPETALLY_TALLY_CPU_BLOCKS_INL_H_
#else
#define TYPETALLY_TALLY_CPU_BLOCKS_INL_H_
#endif

#include <algorithm>
#include <bit>
#include <cstdint>

#include "hwy/highway.h"
#include "tally/cpu/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace typetally::cpu::HWY_NAMESPACE {

/// Logits per block: 4 KiB of 16-bit values, which stay in the first-level cache between the looks at them.
inline constexpr std::int64_t kBlock = 4096;

/// The first block is smaller: it tells where the weight lies (Sums::center) before much has been added up.
inline constexpr std::int64_t kFirstBlock = 256;

/// The vectors of a step, which are read together; blocks are padded to whole steps.
inline constexpr std::int64_t kStepVectors = 4;

/// Neighbouring columns of a row in contiguous memory.
template <class T>
struct Block {
  const T* x;
  std::int64_t valid;   ///< columns
  std::int64_t padded;  ///< with -inf, to a multiple of a step
  std::int64_t ahead;   ///< elements to memory that is needed next, or 0
};

/// A row as contiguous blocks of whole steps: where the vocabulary is strided, and for what no step is left at its end,
/// through a copy padded with -inf.
template <class T>
class Blocks {
 public:
  Blocks(const T* row, std::int64_t stride, std::int64_t size) : row_(row), stride_(stride), size_(size) {}

  /// The block that begins with a column: 0, or where the one before ends.
  Block<T> at(std::int64_t begin) {
    const std::int64_t valid = std::min(begin == 0 ? kFirstBlock : kBlock, size_ - begin);
    const auto step = kStepVectors * static_cast<std::int64_t>(hn::Lanes(F32()));
    const std::int64_t whole = valid / step * step, padded = (valid + step - 1) / step * step;
    if (stride_ == 1 && whole > 0) return {row_ + begin, whole, whole, begin + whole + kBlock <= size_ ? whole : 0};
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

}  // namespace typetally::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
