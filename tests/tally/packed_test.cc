// Logits as the CUDA kernels hold them in registers, against what each bit pattern means: every pair of 16 bits.
#include "tally/cuda/packed.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "tally/logits.h"

namespace typetally::cuda {
namespace {

template <class T>
class PackedTest : public testing::Test {
 public:
  static T of(std::uint32_t bits) { return {static_cast<std::uint16_t>(bits)}; }

  /// Every number of the format, -inf and +inf included, from low to high; of the zeros both.
  static std::vector<T> numbers() {
    std::vector<T> all;
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits)
      if (!std::isnan(to_float(of(bits)))) all.push_back(of(bits));
    std::ranges::sort(all, {}, [](T x) { return to_float(x); });
    return all;
  }
};

using Formats = testing::Types<BFloat16, Float16>;
TYPED_TEST_SUITE(PackedTest, Formats);

TYPED_TEST(PackedTest, FloorsAndPredecessors) {
  using P = Packed<TypeParam>;
  const auto all = this->numbers();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const float x = to_float(all[i]);
    const Word word = P::put(all[i], all[i]);
    EXPECT_EQ(P::get(P::floor(x), 0), x);
    EXPECT_EQ(P::get(P::floor(x), 1), x);
    const auto below = std::ranges::find_if(all.rend() - static_cast<std::ptrdiff_t>(i), all.rend(),
                                            [=](TypeParam y) { return to_float(y) < x; });
    EXPECT_EQ(P::get(P::below(word), 0), below == all.rend() ? x : to_float(*below)) << x;
    if (std::isinf(x) || below == all.rend()) continue;
    const float between = std::nextafter(x, -std::numeric_limits<float>::infinity());
    EXPECT_EQ(P::get(P::floor(between), 0), to_float(*below)) << x;
  }
}

TYPED_TEST(PackedTest, MaximaAndCounts) {
  using P = Packed<TypeParam>;
  std::mt19937 random(1);
  std::uniform_int_distribution<std::uint32_t> any(0, 0xFFFF);
  for (int round = 0; round < 200; ++round) {
    const TypeParam threshold = this->of(any(random));
    const Word bar = P::put(threshold, threshold);
    Word found = 0;
    int expected = 0;
    for (int i = 0; i < 1000; ++i) {
      const TypeParam a = this->of(any(random)), b = this->of(round % 2 == 0 ? any(random) : a.bits ^ 1u);
      const float x = to_float(a), y = to_float(b);
      P::count_above(P::put(a, b), bar, found);
      expected += (x > to_float(threshold)) + (y > to_float(threshold));
      const Word max = P::max(P::put(a, b), P::put(b, a));
      for (const int half : {0, 1}) {
        if (std::isnan(x) && std::isnan(y)) {
          EXPECT_TRUE(std::isnan(P::get(max, half)));
        } else {
          EXPECT_EQ(P::get(max, half), std::isnan(x) || y > x ? y : x);
        }
      }
    }
    EXPECT_EQ(P::total(found), expected);
  }
}

TYPED_TEST(PackedTest, CountsThatAreAllInOneHalf) {
  using P = Packed<TypeParam>;
  const TypeParam low = this->of(0), high = this->of(0x3C00);
  for (const auto& [a, b, each] : {std::tuple{high, low, 1}, {low, high, 1}, {high, high, 2}}) {
    Word found = 0;
    for (int i = 1; i <= 65535; ++i) {
      P::count_above(P::put(a, b), P::put(low, low), found);
      ASSERT_EQ(P::total(found), each * i);
    }
  }
}

TEST(PackedFloat, Predecessors) {
  using P = Packed<float>;
  const float inf = std::numeric_limits<float>::infinity();
  for (const float x : {0.0f, -0.0f, 1.0f, -1.0f, 1e-45f, -1e-45f, 3.4e38f, inf, 65504.0f, -3.4028235e38f})
    EXPECT_EQ(P::get(P::below(P::put(x)), 0), std::nextafter(x, -inf)) << x;
  EXPECT_EQ(P::get(P::below(P::put(-inf)), 0), -inf);
}

}  // namespace
}  // namespace typetally::cuda
