#include "batch/pack_list.h"

#include <algorithm>
#include <numeric>
#include <queue>
#include <utility>
#include <vector>

#include "typetally/base/parallel.h"

namespace typetally {
namespace {

constexpr std::int64_t kMinPacksPerRange = 1 << 14;
constexpr std::int64_t kMaxRanges = 32;  // each range reads all placements

/// Part of a pack: the samples indices[begin .. end).
struct Piece {
  std::int64_t begin;
  std::int64_t end;
};

PackList from_pieces(const std::vector<Piece>& pieces, const Buffer<std::int64_t>& indices) {
  PackList list;
  list.offsets.reserve(pieces.size() + 1);
  list.indices.reserve(indices.size());
  for (const Piece& piece : pieces) {
    list.indices.insert(list.indices.end(), indices.begin() + piece.begin, indices.begin() + piece.end);
    list.offsets.push_back(static_cast<std::int64_t>(list.indices.size()));
  }
  return list;
}

std::vector<Piece> pieces_of(const Buffer<std::int64_t>& offsets) {
  std::vector<Piece> pieces;
  pieces.reserve(offsets.size() - 1);
  for (std::size_t p = 0; p + 1 < offsets.size(); ++p) pieces.push_back({offsets[p], offsets[p + 1]});
  return pieces;
}

}  // namespace

void PackList::add_single(std::int64_t sample) {
  indices.push_back(sample);
  offsets.push_back(static_cast<std::int64_t>(indices.size()));
}

std::int64_t* PackList::open(std::size_t packs, std::size_t samples) {
  const std::size_t before = offsets.size();
  offsets.resize(before + packs);
  indices.resize(indices.size() + samples);
  return offsets.data() + before;
}

void PackList::append(const CountPlan& plan, std::span<const std::uint32_t> order) {
  const std::int64_t base = offsets.back();
  std::int64_t* begins = open(plan.packs, order.size());
  std::fill_n(begins, plan.packs, 0);
  for (const Placement& placement : plan.placements) {
    for (std::uint32_t p = 0; p < placement.packs; ++p) begins[placement.pack + p] += placement.samples;
  }
  std::exclusive_scan(begins, begins + plan.packs, begins, base);

  // Every begin moves on as its pack is written, and ends as the next pack's begin: as an offset.
  const std::int64_t grain = std::max<std::int64_t>(kMinPacksPerRange, plan.packs / kMaxRanges + 1);
  parallel_for(plan.packs, grain, [&](std::int64_t begin, std::int64_t end) {
    for (const Placement& placement : plan.placements) {
      const std::int64_t from = std::max<std::int64_t>(placement.pack, begin);
      const std::int64_t to = std::min(std::int64_t{placement.pack} + placement.packs, end);
      if (from >= to) continue;
      const std::uint32_t* next = order.data() + placement.first + (from - placement.pack) * placement.samples;
      for (std::int64_t p = from; p < to; ++p) {
        std::int64_t* out = indices.data() + begins[p];
        for (std::uint32_t i = 0; i < placement.samples; ++i) *out++ = *next++;
        begins[p] += placement.samples;
      }
    }
  });
}

void PackList::append(std::span<const std::uint32_t> packs, std::span<const std::uint32_t> order) {
  const std::size_t opened = packs.empty() ? 0 : std::size_t{*std::max_element(packs.begin(), packs.end())} + 1;
  const std::int64_t base = offsets.back();
  std::int64_t* begins = open(opened, order.size());
  std::fill_n(begins, opened, 0);
  for (const std::uint32_t pack : packs) ++begins[pack];
  std::exclusive_scan(begins, begins + opened, begins, base);
  std::int64_t* out = indices.data();
  for (std::size_t i = 0; i < order.size(); ++i) out[begins[packs[i]]++] = order[i];
}

bool PackList::split_to(std::int64_t packs) {
  if (static_cast<std::int64_t>(indices.size()) < packs) return false;
  std::vector<Piece> pieces = pieces_of(offsets);
  const auto samples = [&](std::size_t p) { return pieces[p].end - pieces[p].begin; };
  const auto later = [&](std::size_t a, std::size_t b) {
    return samples(a) != samples(b) ? samples(a) < samples(b) : a > b;
  };
  std::vector<std::size_t> all(pieces.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  std::priority_queue largest(later, std::move(all));
  while (static_cast<std::int64_t>(pieces.size()) < packs) {
    const std::size_t p = largest.top();
    largest.pop();
    const std::int64_t middle = pieces[p].begin + (samples(p) + 1) / 2;
    pieces.push_back({middle, pieces[p].end});
    pieces[p].end = middle;
    largest.push(p);
    largest.push(pieces.size() - 1);
  }
  *this = from_pieces(pieces, indices);
  return true;
}

void PackList::shuffle(Random& random) {
  std::vector<Piece> pieces = pieces_of(offsets);
  random.shuffle(std::span(pieces));
  *this = from_pieces(pieces, indices);
}

void PackList::drop_last(std::int64_t packs, Buffer<std::int64_t>& dropped) {
  offsets.resize(offsets.size() - static_cast<std::size_t>(packs));
  dropped.insert(dropped.end(), indices.begin() + offsets.back(), indices.end());
  indices.resize(static_cast<std::size_t>(offsets.back()));
}

}  // namespace typetally
