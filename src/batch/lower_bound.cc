#include "batch/lower_bound.h"

#include <algorithm>

namespace typetally {
namespace {

/// Packs for `tokens` tokens; written so that it cannot overflow.
std::int64_t packs_for(std::int64_t tokens, std::int64_t capacity) {
  return tokens / capacity + (tokens % capacity != 0 ? 1 : 0);
}

}  // namespace

std::int64_t lower_bound_l2(std::span<const LengthCount> lengths, std::int64_t capacity) {
  std::int64_t large = 0;   // samples above half the capacity
  std::int64_t beside = 0;  // room next to those of them that are no longer than capacity - a
  std::size_t at = 0;
  for (; at < lengths.size() && lengths[at].length > capacity / 2; ++at) large += lengths[at].samples;

  std::size_t beyond = at;  // lengths[beyond .. at) are the ones whose room counts for the present a
  std::int64_t small = 0;   // tokens of the samples from a to half the capacity
  std::int64_t best = large;
  // As a falls, capacity - a grows: longer samples enter `beside`, shorter ones enter `small`.
  for (std::size_t i = at; i < lengths.size(); ++i) {
    const std::int64_t a = lengths[i].length;
    small += a * lengths[i].samples;
    for (; beyond > 0 && lengths[beyond - 1].length <= capacity - a; --beyond) {
      beside += (capacity - lengths[beyond - 1].length) * lengths[beyond - 1].samples;
    }
    if (small > beside) best = std::max(best, large + packs_for(small - beside, capacity));
  }
  std::int64_t tokens = 0;
  std::int64_t samples = 0;
  for (const LengthCount& one : lengths) {
    tokens += one.length * one.samples;
    samples += one.samples;
  }
  return std::max({best, packs_for(tokens, capacity), std::int64_t{samples > 0}});
}

}  // namespace typetally
