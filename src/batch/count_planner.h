#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace typetally {

/// Packs [pack, pack + packs) each take the next `samples` of the list that is sorted by decreasing length; pack i of
/// them begins at first + i * samples.
struct Placement {
  std::uint32_t pack;
  std::uint32_t packs;
  std::uint32_t samples;
  std::uint32_t first;
};

struct CountPlan {
  std::vector<Placement> placements;  ///< in the order in which the samples are taken
  std::uint32_t packs = 0;
};

inline constexpr std::uint32_t kNoLimit = std::numeric_limits<std::uint32_t>::max();

/// Best-fit decreasing on counts: counts[l] samples of length l, 0 <= l <= capacity = counts.size() - 1.
CountPlan plan_counts(std::span<const std::uint32_t> counts, std::uint32_t max_samples);

}  // namespace typetally
