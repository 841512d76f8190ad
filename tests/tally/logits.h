#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "typetally/base/tensor_view.h"

namespace typetally::test {

/// Nearest 16-bit float, ties to even, by trying what truncation leaves and its successor.
inline std::uint16_t to_bfloat16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if (std::isnan(x)) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

inline double from_float16(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double x = exponent == 31 ? (fraction ? NAN : INFINITY)
                            : std::ldexp(exponent ? 1024 + fraction : fraction, (exponent ? exponent : 1) - 25);
  return bits >> 15 ? -x : x;
}

inline std::uint16_t to_float16(double x) {
  const auto sign = static_cast<std::uint16_t>(std::signbit(x) ? 0x8000 : 0);
  if (std::isnan(x)) return static_cast<std::uint16_t>(sign | 0x7E00);
  std::uint16_t low = 0, high = 0x7C00;  // positive halves sort like their bits
  while (high - low > 1) {
    const auto middle = static_cast<std::uint16_t>((low + high) / 2);
    (from_float16(middle) <= std::abs(x) ? low : high) = middle;
  }
  const double up = high == 0x7C00 ? 65536.0 : from_float16(high);
  const double below = std::abs(x) - from_float16(low), above = up - std::abs(x);
  const bool rise = std::isinf(x) || above < below || (above == below && low % 2 == 1);
  return static_cast<std::uint16_t>(sign | (rise ? high : low));
}

struct Layout {
  std::int64_t column_stride = 1;
  std::int64_t skipped = 0;  ///< elements before the first, so that vectors straddle cache lines
};

/// A matrix of logits of any float dtype in memory of its own, with gaps and misalignment as asked for.
class Logits {
 public:
  Logits(DType dtype, std::int64_t rows, std::int64_t vocabulary, Layout layout = {})
      : dtype_(dtype),
        skipped_(layout.skipped),
        shape_{rows, vocabulary},
        strides_{vocabulary * layout.column_stride + 3, layout.column_stride},
        bytes_(size_of(dtype) * static_cast<std::size_t>(skipped_ + rows * strides_[0] + 1)) {}

  void set(std::int64_t row, std::int64_t column, double x) {
    std::byte* p = at(row, column);
    const auto f = static_cast<float>(x);
    const std::uint16_t half = dtype_ == DType::kBFloat16 ? to_bfloat16(f) : to_float16(x);
    if (dtype_ == DType::kFloat64) return void(std::memcpy(p, &x, 8));
    if (dtype_ == DType::kFloat32) return void(std::memcpy(p, &f, 4));
    std::memcpy(p, &half, 2);
  }

  /// What is stored, exactly.
  double get(std::int64_t row, std::int64_t column) const {
    const std::byte* p = const_cast<Logits*>(this)->at(row, column);
    double x = 0;
    float f = 0;
    std::uint16_t half = 0;
    if (dtype_ == DType::kFloat64) return std::memcpy(&x, p, 8), x;
    if (dtype_ == DType::kFloat32) return std::memcpy(&f, p, 4), f;
    std::memcpy(&half, p, 2);
    if (dtype_ == DType::kFloat16) return from_float16(half);
    return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16);
  }

  TensorView view() const { return {const_cast<Logits*>(this)->at(0, 0), shape_, strides_, dtype_, {}}; }
  std::span<const std::byte> bytes() const { return bytes_; }
  std::int64_t rows() const { return shape_[0]; }
  std::int64_t vocabulary() const { return shape_[1]; }

 private:
  std::byte* at(std::int64_t row, std::int64_t column) {
    return bytes_.data() +
           size_of(dtype_) * static_cast<std::size_t>(skipped_ + row * strides_[0] + column * strides_[1]);
  }

  DType dtype_;
  std::int64_t skipped_;
  std::array<std::int64_t, 2> shape_, strides_;
  std::vector<std::byte> bytes_;
};

}  // namespace typetally::test
