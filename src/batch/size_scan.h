#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "batch/length_order.h"
#include "typetally/base/buffer.h"
#include "typetally/base/error.h"
#include "typetally/base/result.h"

namespace typetally {

struct SizeScan {
  std::int64_t sum = 0;
  Buffer<std::int64_t> beyond;  ///< indices of the sizes above the capacity, ascending
};

/// One pass, in parallel, over the lengths or weights of all samples. Negative sizes and sums beyond 64 bits are errors
/// that name the first sample.
Result<SizeScan> scan_sizes(const std::string& subject, std::span<const std::int64_t> sizes, std::int64_t capacity);

/// The same for lengths that are sorted, all of them, without reading them again.
Result<SizeScan> scan_sorted(const LengthOrder& sorted, std::span<const std::int64_t> lengths);

/// "expected ..., got ... at index ...", with the index as the error's offset.
Error refused_size(std::string subject, std::int64_t index, const std::string& expected, std::int64_t got);

}  // namespace typetally
