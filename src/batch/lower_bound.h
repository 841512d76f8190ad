#pragma once

#include <cstdint>
#include <span>

namespace typetally {

struct LengthCount {
  std::int64_t length;
  std::int64_t samples;
};

/// Martello and Toth's L2 on the number of packs that hold these samples, given by strictly decreasing length, none
/// above the capacity. For each a among the lengths up to capacity / 2: every sample above half the capacity needs a
/// pack of its own; what of those from a to half does not fit beside the ones up to capacity - a needs more.
std::int64_t lower_bound_l2(std::span<const LengthCount> lengths, std::int64_t capacity);

}  // namespace typetally
