#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "typetally/base/buffer.h"
#include "typetally/base/result.h"

namespace typetally {

/// What happens to a sample longer than the capacity (or heavier than the weight capacity).
enum class Oversized : std::uint8_t {
  kAlone,     ///< a pack of its own, outside bound and efficiency
  kDrop,      ///< not in the plan
  kError,     ///< the plan is refused
  kTruncate,  ///< planned as if it were as long as the capacity; whoever loads it cuts it
};

struct PackOptions {
  Oversized oversized = Oversized::kAlone;
  std::int64_t max_samples = 0;  ///< per pack; 0: no limit
  std::int64_t multiple_of = 1;  ///< the number of packs is a multiple of this
  bool drop_last = false;        ///< reach the multiple by dropping the last packs instead of splitting packs
  std::optional<std::uint64_t> seed =
      std::nullopt;  ///< shuffles the packs, and which of the samples of equal length goes where
  std::span<const std::int64_t> groups = {};   ///< [samples] or empty; samples of different groups share no pack
  std::span<const std::int64_t> weights = {};  ///< [samples] >= 0 or empty; a second size, such as image patches
  std::int64_t weight_capacity = 0;            ///< of a pack; only with weights
};

/// Packs as one index list: pack p holds indices[offsets[p] .. offsets[p + 1]).
struct PackPlan {
  Buffer<std::int64_t> offsets;            ///< [packs + 1]
  Buffer<std::int64_t> indices;            ///< [samples that were not dropped]
  Buffer<std::int64_t> oversized_indices;  ///< samples longer than the capacity, ascending, whatever became of them
  Buffer<std::int64_t> dropped_indices;    ///< samples that are in no pack, ascending
  /// On the number of packs, oversized ones excluded: Martello and Toth's L2 ("Lower bounds and reduction procedures
  /// for the bin packing problem", 1990), or samples / max_samples, summed over the groups. 0 with weights: no claim.
  std::int64_t lower_bound = 0;
  std::int64_t packs = 0;  ///< those that `lower_bound` speaks of: all but the oversized ones that stand alone
  double efficiency = 1;   ///< tokens / (packs * capacity) over those packs; 1 where there is none
};

/// Best-fit decreasing over all `lengths` (tokens, >= 0): the longest samples first, each into the pack with the least
/// room that still takes it; among equals the pack that came to that room first, and the sample with the lower index.
/// Without weights it works on counts of lengths, in O(samples + capacity * placements), and gives exactly the packs
/// of the item-by-item algorithm. With weights samples go by the larger of their two shares of a pack, item by item.
/// Oversized samples that stand alone come first; groups follow in ascending order. Splitting for `multiple_of` halves
/// the packs with the most samples; their second halves come last. The plan depends on the arguments alone.
/// Negative lengths or weights, a sum beyond 64 bits, an oversized sample under kError and a multiple that splitting
/// cannot reach are errors whose `offset` is the sample. Throws std::invalid_argument for a capacity, limit or multiple
/// below 1, arrays that differ in length, or more than 2^32 - 1 samples.
Result<PackPlan> plan_packs(std::span<const std::int64_t> lengths, std::int64_t capacity,
                            const PackOptions& options = {});

}  // namespace typetally
