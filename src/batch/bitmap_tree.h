#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace typetally {

/// A set of numbers below `size`, as a tree of 64-bit words: a bit of a level says whether a word of the level below
/// holds any. Four levels span 16 million, so each operation touches a handful of words.
class BitmapTree {
 public:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  explicit BitmapTree(std::size_t size) {
    do {
      size = (size + 63) / 64;
      levels_.emplace_back(size, 0);
    } while (size > 1);
  }

  void insert(std::size_t value) {
    for (auto& level : levels_) {
      level[value >> 6] |= bit(value);
      value >>= 6;
    }
  }

  void erase(std::size_t value) {
    for (auto& level : levels_) {
      level[value >> 6] &= ~bit(value);
      if (level[value >> 6] != 0) return;
      value >>= 6;
    }
  }

  /// The smallest member >= value, or kNone.
  std::size_t successor(std::size_t value) const {
    for (std::size_t height = 0; height < levels_.size(); ++height) {
      const std::size_t word = value >> 6;
      if (word >= levels_[height].size()) return kNone;
      const std::uint64_t rest = levels_[height][word] >> (value & 63);
      if (rest != 0) return descend(height, value + lowest(rest));
      value = word + 1;
    }
    return kNone;
  }

 private:
  static std::uint64_t bit(std::size_t value) { return std::uint64_t{1} << (value & 63); }
  static std::size_t lowest(std::uint64_t word) { return static_cast<std::size_t>(std::countr_zero(word)); }

  std::size_t descend(std::size_t height, std::size_t value) const {
    while (height-- > 0) value = (value << 6) + lowest(levels_[height][value]);
    return value;
  }

  std::vector<std::vector<std::uint64_t>> levels_;
};

}  // namespace typetally
