#include "batch/count_planner.h"

#include <algorithm>

#include "batch/bitmap_tree.h"

namespace typetally {
namespace {

/// A run of packs with consecutive numbers, equal room and equally many samples.
struct Range {
  std::uint32_t begin;
  std::uint32_t packs;
  std::uint32_t samples;
};

/// The open packs by room, first in, first out: linked lists of ranges in one pool.
class OpenPacks {
 public:
  explicit OpenPacks(std::size_t capacity) : rooms_(capacity + 1), lists_(capacity + 1) {}

  std::size_t least_room(std::size_t length) const { return rooms_.successor(length); }
  const Range& front(std::size_t room) const { return nodes_[lists_[room].head].range; }

  void push(std::size_t room, const Range& range) {
    List& list = lists_[room];
    if (list.head == kEnd) {
      rooms_.insert(room);
      list.head = list.tail = make(range);
      return;
    }
    Range& last = nodes_[list.tail].range;
    if (last.begin + last.packs == range.begin && last.samples == range.samples) {
      last.packs += range.packs;
      return;
    }
    const std::uint32_t node = make(range);
    nodes_[list.tail].next = node;
    list.tail = node;
  }

  /// Takes the first `packs` packs out of the front range.
  void pop(std::size_t room, std::uint32_t packs) {
    List& list = lists_[room];
    Node& node = nodes_[list.head];
    node.range.begin += packs;
    node.range.packs -= packs;
    if (node.range.packs > 0) return;
    const std::uint32_t emptied = list.head;
    list.head = node.next;
    node.next = free_;
    free_ = emptied;
    if (list.head == kEnd) rooms_.erase(room);
  }

 private:
  static constexpr std::uint32_t kEnd = kNoLimit;
  struct Node {
    Range range;
    std::uint32_t next;
  };
  struct List {
    std::uint32_t head = kEnd;
    std::uint32_t tail = kEnd;
  };

  std::uint32_t make(const Range& range) {
    if (free_ == kEnd) {
      nodes_.push_back({range, kEnd});
      return static_cast<std::uint32_t>(nodes_.size() - 1);
    }
    const std::uint32_t node = free_;
    free_ = nodes_[node].next;
    nodes_[node] = {range, kEnd};
    return node;
  }

  BitmapTree rooms_;
  std::vector<List> lists_;
  std::vector<Node> nodes_;
  std::uint32_t free_ = kEnd;
};

class Planner {
 public:
  Planner(std::span<const std::uint32_t> counts, std::uint32_t max_samples)
      : counts_(counts), capacity_(counts.size() - 1), max_samples_(max_samples), open_(capacity_) {}

  CountPlan run() {
    for (std::size_t length = capacity_ + 1; length-- > 0;) {
      for (std::uint32_t left = counts_[length]; left > 0;) left -= place(length, left);
    }
    return std::move(plan_);
  }

 private:
  /// Fills one range of equal packs with samples of one length; returns how many it took.
  /// While the pack with the least room that takes the length still takes another, it stays the one with the least
  /// room: so each pack is filled in one go, and equal packs are filled alike.
  std::uint32_t place(std::size_t length, std::uint32_t left) {
    const std::size_t found = open_.least_room(length);
    const bool fresh = found == BitmapTree::kNone;
    const std::size_t room = fresh ? capacity_ : found;
    // Empty samples never fill a pack: all of them go on into the first one that is opened.
    const Range range = fresh ? Range{plan_.packs, length == 0 ? 1 : kNoLimit, 0} : open_.front(room);

    Range filled = range;
    std::uint32_t each = samples_that_fit(room, length, range.samples);
    if (each > left) each = left;
    filled.packs = std::min(range.packs, left / each);
    filled.samples += each;
    plan_.placements.push_back({range.begin, filled.packs, each, taken_});
    taken_ += filled.packs * each;

    if (fresh) {
      plan_.packs += filled.packs;
    } else {
      open_.pop(room, filled.packs);
    }
    put_back(room - each * length, filled);
    return filled.packs * each;
  }

  std::uint32_t samples_that_fit(std::size_t room, std::size_t length, std::uint32_t held) const {
    const std::size_t by_length = length == 0 ? 1 : room / length;
    return static_cast<std::uint32_t>(std::min<std::size_t>(by_length, max_samples_ - held));
  }

  void put_back(std::size_t room, Range range) {
    const bool closed = max_samples_ != kNoLimit && range.samples == max_samples_;
    if (closed || (room == 0 && counts_[0] == 0)) return;
    if (max_samples_ == kNoLimit) range.samples = 0;  // not needed, and ranges that differ in it do not merge
    open_.push(room, range);
  }

  std::span<const std::uint32_t> counts_;
  std::size_t capacity_;
  std::uint32_t max_samples_;
  OpenPacks open_;
  CountPlan plan_;
  std::uint32_t taken_ = 0;
};

}  // namespace

CountPlan plan_counts(std::span<const std::uint32_t> counts, std::uint32_t max_samples) {
  return Planner(counts, max_samples).run();
}

}  // namespace typetally
