#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "typetally/base/result.h"

namespace typetally {

enum class Oversized : std::uint8_t { kAlone, kDrop, kError, kTruncate };

struct PackOptions {
  Oversized oversized = Oversized::kAlone;
  std::int64_t max_samples = 0;       ///< per pack; 0: no limit
  std::int64_t multiple_of = 1;       ///< the number of packs is a multiple of this
  bool drop_last = false;             ///< reach the multiple by dropping packs instead of splitting them
  std::optional<std::uint64_t> seed;  ///< shuffles packs, and samples of equal length
};

/// Packs as one index list: pack p holds indices[offsets[p] .. offsets[p + 1]).
struct PackPlan {
  std::vector<std::int64_t> offsets;  ///< [packs + 1]
  std::vector<std::int64_t> indices;  ///< [samples that were not dropped]
  std::int64_t lower_bound = 0;       ///< Martello and Toth's L2 on the number of packs, oversized ones excluded
  double efficiency = 0;              ///< tokens / (packs * capacity), oversized packs excluded
  std::int64_t oversized = 0;         ///< samples longer than capacity
  std::int64_t dropped = 0;
};

/// Best-fit decreasing over all `lengths` (tokens, >= 0), packs of at most `capacity` tokens; first-in-first-out ties.
Result<PackPlan> plan_packs(std::span<const std::int64_t> lengths, std::int64_t capacity, const PackOptions& options);

}  // namespace typetally
