#include "typetally/batch/pack_stream.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <vector>

#include "typetally/batch/pack_plan.h"

namespace typetally {
namespace {

using Lengths = std::vector<std::int64_t>;

RC_GTEST_PROP(PackStream, EachSampleLeavesOnceInAPackThatHoldsItAndInTime, ()) {
  const auto capacity = *rc::gen::inRange<std::int64_t>(1, 50);
  const PackStreamOptions options = {*rc::gen::inRange(1, 12), *rc::gen::inRange(1, 4), *rc::gen::element(0, 1, 3)};
  const auto lengths = *rc::gen::container<Lengths>(rc::gen::inRange<std::int64_t>(0, capacity + 10));
  PackStream stream(capacity, options);
  std::map<std::int64_t, int> seen;
  const auto check = [&](const std::vector<Lengths>& packs) {
    for (const Lengths& pack : packs) {
      std::int64_t tokens = 0;
      for (const std::int64_t sample : pack) {
        ++seen[sample];
        tokens += lengths[static_cast<std::size_t>(sample)];
      }
      RC_ASSERT(!pack.empty() && (pack.size() == 1 || tokens <= capacity));
      RC_ASSERT(options.max_samples == 0 || std::ssize(pack) <= options.max_samples);
    }
  };
  for (const std::int64_t length : lengths) {
    check(stream.add(length).value());
    RC_ASSERT(stream.waiting() < std::max<std::int64_t>(options.window, 1));
  }
  check(stream.flush());
  RC_ASSERT(stream.waiting() == 0);
  RC_ASSERT(seen.size() == lengths.size());
  for (const auto& [sample, times] : seen) RC_ASSERT(times == 1);
}

TEST(PackStream, WastesLittleBesideAPlanOfEverything) {
  Lengths lengths(50'000);
  std::uint64_t state = 7;
  for (std::int64_t& length : lengths) {
    state = state * 6364136223846793005 + 1442695040888963407;
    const double u = (static_cast<double>(state >> 11) + 1) / 9007199254740993.0;
    length = std::min<std::int64_t>(4096, static_cast<std::int64_t>(200 * std::pow(u, -0.7)));  // a long tail
  }
  PackStream stream(4096, {.window = 2000, .patience = 4, .max_samples = 0});
  std::size_t packs = 0;
  for (const std::int64_t length : lengths) packs += stream.add(length).value().size();
  packs += stream.flush().size();
  const auto whole = static_cast<double>(plan_packs(lengths, 4096).value().packs);
  EXPECT_LE(static_cast<double>(packs), 1.005 * whole);
}

TEST(PackStream, AnOddSampleLeavesWhenItsPatienceEnds) {
  PackStream stream(10, {.window = 2, .patience = 2, .max_samples = 0});
  std::vector<Lengths> left;
  for (const std::int64_t length : {6, 10, 10, 10}) {
    const std::vector<Lengths> packs = stream.add(length).value();
    left.insert(left.end(), packs.begin(), packs.end());
  }
  EXPECT_EQ(left, (std::vector<Lengths>{{1}, {2}, {0}}));
  EXPECT_EQ(stream.flush(), (std::vector<Lengths>{{3}}));
}

TEST(PackStream, RefusesWhatCannotBe) {
  PackStream stream(10);
  EXPECT_EQ(stream.add(-1).error().detail, "expected lengths >= 0, got -1 at index 0");
  EXPECT_EQ(stream.add(11).value(), (std::vector<Lengths>{{0}}));
  EXPECT_THROW(PackStream(0), std::invalid_argument);
  EXPECT_THROW(PackStream(5, {.window = 0}), std::invalid_argument);
}

}  // namespace
}  // namespace typetally
