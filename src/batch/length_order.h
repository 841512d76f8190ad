#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "typetally/base/buffer.h"

namespace typetally {

/// The lengths of some samples, and how they count against the capacity.
struct SampleLengths {
  std::span<const std::int64_t> lengths;  ///< of all samples
  std::span<const std::uint32_t> items;   ///< the samples meant; empty: all
  std::int64_t capacity = 0;
  bool truncate = false;  ///< longer ones count as long as the capacity; otherwise they are left out

  std::size_t size() const { return items.empty() ? lengths.size() : items.size(); }
};

struct LengthOrder {
  Buffer<std::uint32_t> order;        ///< samples by decreasing length, then as given
  std::vector<std::uint32_t> counts;  ///< [capacity + 1], by length
  Buffer<std::int64_t> left_out;      ///< the other samples, as given: longer ones, and those of negative length
};

/// A stable counting sort, in parallel; the same result on any number of threads. Where samples.truncate is set no
/// length may be negative.
LengthOrder sort_by_length(const SampleLengths& samples);

}  // namespace typetally
