#pragma once

#include <cstdint>
#include <span>
#include <utility>

namespace typetally {

/// splitmix64 (Steele, Lea and Flood, 2014): the same numbers on every machine, which std::shuffle does not promise.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  /// Uniform in [0, n), n < 2^32: Lemire's multiplication with rejection, so that no value is likelier than another.
  std::uint32_t below(std::uint32_t n) {
    const std::uint32_t threshold = (0 - n) % n;
    std::uint64_t product = 0;
    do {
      product = (next() >> 32) * n;
    } while (static_cast<std::uint32_t>(product) < threshold);
    return static_cast<std::uint32_t>(product >> 32);
  }

  template <class T>
  void shuffle(std::span<T> values) {
    for (std::size_t i = values.size(); i > 1; --i) {
      std::swap(values[i - 1], values[below(static_cast<std::uint32_t>(i))]);
    }
  }

 private:
  std::uint64_t state_;
};

}  // namespace typetally
