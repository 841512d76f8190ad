#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "batch/length_order.h"

namespace typetally {

/// A second size beside the length; `weights` is empty where there is none.
struct SampleWeights {
  std::span<const std::int64_t> weights;  ///< of all samples
  std::int64_t capacity = 0;
};

struct ItemOrder {
  Buffer<std::uint32_t> order;      ///< samples by decreasing share of a pack, then as given
  std::vector<std::uint32_t> runs;  ///< how many in a row are of the same length and weight
};

/// What does not fit a pack alone is left out, or where samples.truncate is set counts as long as the capacity. The
/// share is the larger of length / capacity and weight / weight capacity.
ItemOrder sort_items(const SampleLengths& samples, const SampleWeights& weights);

/// Best fit item by item, in the given order of samples: the pack with the least room, then the least weight left, then
/// first in, first out. Slower than plan_counts, but takes weights and any capacity. Returns the pack of each sample of
/// `order`.
std::vector<std::uint32_t> plan_items(std::span<const std::uint32_t> order, const SampleLengths& samples,
                                      const SampleWeights& weights, std::uint32_t max_samples);

}  // namespace typetally
