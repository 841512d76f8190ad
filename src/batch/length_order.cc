#include "batch/length_order.h"

#include <algorithm>

#include "typetally/base/parallel.h"

namespace typetally {
namespace {

constexpr std::int64_t kMinSamplesPerRange = 1 << 18;  // below that a range costs more than it saves
constexpr std::int64_t kMaxRanges = 32;

/// Calls body(sample, length slot) for the samples [begin, end); slot capacity + 1 is for those left out.
template <class Body>
void for_each(const SampleLengths& samples, std::int64_t begin, std::int64_t end, Body body) {
  const std::int64_t beyond = samples.truncate ? samples.capacity : samples.capacity + 1;
  const std::int64_t* lengths = samples.lengths.data();
  const auto capacity = static_cast<std::uint64_t>(samples.capacity);
  // A negative length is a huge one here, and so takes no place of its own.
  const auto slot = [&](std::int64_t length) {
    return static_cast<std::uint64_t>(length) > capacity ? beyond : length;
  };
  if (samples.items.empty()) {
    for (std::int64_t i = begin; i < end; ++i) body(static_cast<std::uint32_t>(i), slot(lengths[i]));
  } else {
    const std::uint32_t* items = samples.items.data();
    for (std::int64_t i = begin; i < end; ++i) body(items[i], slot(lengths[items[i]]));
  }
}

/// Turns the ranges' counts into the places where each writes its samples of each length; returns their number.
std::uint32_t place_ranges(std::vector<std::vector<std::uint32_t>>& ranges, std::vector<std::uint32_t>& counts) {
  std::uint32_t next = 0;
  for (std::size_t length = counts.size(); length-- > 0;) {
    const std::uint32_t first = next;
    for (auto& range : ranges) {
      const std::uint32_t samples = range[length];
      range[length] = next;
      next += samples;
    }
    counts[length] = next - first;
  }
  return next;
}

}  // namespace

LengthOrder sort_by_length(const SampleLengths& samples) {
  const auto n = static_cast<std::int64_t>(samples.size());
  const auto slots = static_cast<std::size_t>(samples.capacity) + 2;
  // A range keeps one count per length, so it should hold several samples for each.
  const std::int64_t grain = std::max({kMinSamplesPerRange, 4 * samples.capacity, (n + kMaxRanges - 1) / kMaxRanges});
  std::vector<std::vector<std::uint32_t>> ranges(static_cast<std::size_t>((n + grain - 1) / grain));
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end) {
    auto& range = ranges[static_cast<std::size_t>(begin / grain)];
    range.resize(slots);
    std::uint32_t* counts = range.data();
    for_each(samples, begin, end, [&](std::uint32_t, std::int64_t slot) { ++counts[slot]; });
  });

  LengthOrder result;
  result.counts.resize(slots - 1);
  const std::uint32_t kept = place_ranges(ranges, result.counts);
  // The samples left out are written behind the others.
  std::uint32_t next = kept;
  for (auto& range : ranges) {
    const std::uint32_t left_out = range.back();
    range.back() = next;
    next += left_out;
  }
  result.order.resize(static_cast<std::size_t>(n));
  std::uint32_t* order = result.order.data();
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end) {
    std::uint32_t* places = ranges[static_cast<std::size_t>(begin / grain)].data();
    for_each(samples, begin, end, [&](std::uint32_t sample, std::int64_t slot) { order[places[slot]++] = sample; });
  });
  result.left_out.assign(result.order.begin() + kept, result.order.end());
  result.order.resize(kept);
  return result;
}

}  // namespace typetally
