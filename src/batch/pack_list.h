#pragma once

#include <cstdint>
#include <span>

#include "batch/count_planner.h"
#include "batch/random.h"
#include "typetally/base/buffer.h"

namespace typetally {

/// Packs in the making: pack p holds indices[offsets[p] .. offsets[p + 1]).
class PackList {
 public:
  PackList() : offsets(1, 0) {}

  std::int64_t size() const { return static_cast<std::int64_t>(offsets.size()) - 1; }

  void add_single(std::int64_t sample);
  void append(const CountPlan& plan, std::span<const std::uint32_t> order);
  /// order[i] goes to pack packs[i], numbered from 0 in the order in which they are opened.
  void append(std::span<const std::uint32_t> packs, std::span<const std::uint32_t> order);

  /// Halves the packs with the most samples, the first of equals first, until there are `packs`; the second halves come
  /// last. False, and nothing changes, where there are fewer samples than that.
  bool split_to(std::int64_t packs);
  void shuffle(Random& random);
  void drop_last(std::int64_t packs, Buffer<std::int64_t>& dropped);

  Buffer<std::int64_t> offsets;
  Buffer<std::int64_t> indices;

 private:
  /// Opens `packs` packs for `samples` samples, with offsets[p + 1] the place where pack p begins to be written.
  std::int64_t* open(std::size_t packs, std::size_t samples);
};

}  // namespace typetally
