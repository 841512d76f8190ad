#include "typetally/batch/pack_plan.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>
#include <vector>

#include "typetally/base/parallel.h"

namespace typetally {
namespace {

using Lengths = std::vector<std::int64_t>;
using Packs = std::vector<std::vector<std::int64_t>>;

Packs packs_of(const PackPlan& plan) {
  Packs packs;
  for (std::size_t p = 0; p + 1 < plan.offsets.size(); ++p) {
    packs.emplace_back(plan.indices.begin() + plan.offsets[p], plan.indices.begin() + plan.offsets[p + 1]);
  }
  return packs;
}

Packs planned(const Lengths& lengths, std::int64_t capacity, const PackOptions& options = {}) {
  return packs_of(plan_packs(lengths, capacity, options).value());
}

/// Best-fit decreasing as a textbook has it: one sample at a time, looking at every open pack.
class Naive {
 public:
  Naive(const Lengths& lengths, std::int64_t capacity, const PackOptions& options)
      : lengths_(lengths), capacity_(capacity), options_(options) {}

  Packs run() {
    std::vector<std::size_t> items(lengths_.size());
    std::iota(items.begin(), items.end(), std::size_t{0});
    std::stable_sort(items.begin(), items.end(), [&](auto a, auto b) { return size(a) > size(b); });
    if (options_.oversized == Oversized::kAlone) {
      for (std::size_t i = 0; i < lengths_.size(); ++i) {
        if (lengths_[i] > capacity_) packs_.push_back({static_cast<std::int64_t>(i)});
      }
    }
    for (const std::size_t i : items) {
      if (lengths_[i] <= capacity_ || options_.oversized == Oversized::kTruncate) place(i);
    }
    return packs_;
  }

 private:
  struct Open {
    std::size_t pack;
    std::int64_t room;
    std::int64_t arrival;
  };

  std::int64_t size(std::size_t i) const { return std::min(lengths_[i], capacity_); }

  void place(std::size_t i) {
    Open* best = nullptr;
    for (Open& open : open_) {
      const bool full = options_.max_samples > 0 && std::ssize(packs_[open.pack]) == options_.max_samples;
      if (full || open.room < size(i)) continue;
      if (best == nullptr || std::pair(open.room, open.arrival) < std::pair(best->room, best->arrival)) best = &open;
    }
    if (best == nullptr) {
      open_.push_back({packs_.size(), capacity_, 0});
      packs_.emplace_back();
      best = &open_.back();
    }
    packs_[best->pack].push_back(static_cast<std::int64_t>(i));
    best->room -= size(i);
    best->arrival = ++arrivals_;
  }

  const Lengths& lengths_;
  std::int64_t capacity_;
  PackOptions options_;
  std::vector<Open> open_;
  Packs packs_;
  std::int64_t arrivals_ = 0;
};

struct Case {
  std::int64_t capacity;
  Lengths lengths;
  PackOptions options;
};

Case some_case() {
  Case result;
  result.capacity = *rc::gen::inRange<std::int64_t>(1, 120);
  // Few distinct lengths make long runs of equal packs; many make short ones.
  const auto longest = *rc::gen::inRange<std::int64_t>(0, result.capacity * 4 / 3 + 1);
  result.lengths = *rc::gen::container<Lengths>(rc::gen::inRange<std::int64_t>(0, longest + 1));
  result.options.max_samples = *rc::gen::element(0, 0, 1, 2, 3, 7);
  result.options.oversized = *rc::gen::element(Oversized::kAlone, Oversized::kDrop, Oversized::kTruncate);
  return result;
}

RC_GTEST_PROP(PackPlan, EqualsTheItemByItemAlgorithm, ()) {
  for (int repeat = 0; repeat < 40; ++repeat) {
    const Case one = some_case();
    RC_ASSERT(planned(one.lengths, one.capacity, one.options) == Naive(one.lengths, one.capacity, one.options).run());
  }
}

RC_GTEST_PROP(PackPlan, HugeCapacitiesGiveTheSamePacks, ()) {
  const Case one = some_case();
  constexpr std::int64_t kScale = std::int64_t{1} << 40;
  Lengths scaled = one.lengths;
  for (std::int64_t& length : scaled) length *= kScale;
  RC_ASSERT(planned(scaled, one.capacity * kScale, one.options) == planned(one.lengths, one.capacity, one.options));
}

/// The fewest packs there are, by trying every assignment.
std::int64_t fewest(const Lengths& lengths, std::int64_t capacity, std::size_t next, Lengths& rooms) {
  if (next == lengths.size()) return std::ssize(rooms);
  std::int64_t best = std::ssize(lengths) + 1;
  for (std::size_t p = 0; p < rooms.size(); ++p) {
    if (rooms[p] < lengths[next]) continue;
    rooms[p] -= lengths[next];
    best = std::min(best, fewest(lengths, capacity, next + 1, rooms));
    rooms[p] += lengths[next];
  }
  rooms.push_back(capacity - lengths[next]);
  best = std::min(best, fewest(lengths, capacity, next + 1, rooms));
  rooms.pop_back();
  return best;
}

RC_GTEST_PROP(PackPlan, BoundIsNeverAboveTheOptimum, ()) {
  const auto capacity = *rc::gen::inRange<std::int64_t>(1, 30);
  const auto n = *rc::gen::inRange<std::size_t>(1, 9);
  const auto lengths = *rc::gen::container<Lengths>(n, rc::gen::inRange<std::int64_t>(0, capacity + 1));
  const PackPlan plan = plan_packs(lengths, capacity).value();
  Lengths rooms;
  const std::int64_t optimum = fewest(lengths, capacity, 0, rooms);
  RC_ASSERT(plan.lower_bound <= optimum);
  RC_ASSERT(plan.packs >= optimum);
  const std::int64_t tokens = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
  RC_ASSERT(plan.lower_bound * capacity >= tokens);
}

TEST(PackPlan, BoundSeesWhatTokensAloneDoNot) {
  // 4 x 6 need a pack each; 5 x 4 fill their room but one; tokens alone ask for ceil(44 / 10) = 5, samples above half
  // the capacity for 4.
  EXPECT_EQ(plan_packs(Lengths{6, 6, 6, 6, 4, 4, 4, 4, 4}, 10).value().lower_bound, 5);
  EXPECT_EQ(plan_packs(Lengths{7, 7, 7, 4, 4}, 10).value().lower_bound, 4);  // tokens: 3
}

RC_GTEST_PROP(PackPlan, OptionsHold, ()) {
  Case one = some_case();
  const auto n = one.lengths.size();
  const auto groups = *rc::gen::container<Lengths>(n, rc::gen::inRange<std::int64_t>(-1, 3));
  const auto weights = *rc::gen::container<Lengths>(n, rc::gen::inRange<std::int64_t>(0, 9));
  PackOptions& options = one.options;
  if (*rc::gen::arbitrary<bool>()) options.groups = groups;
  if (*rc::gen::arbitrary<bool>()) {
    options.weights = weights;
    options.weight_capacity = 8;
  }
  if (*rc::gen::arbitrary<bool>()) options.seed = *rc::gen::arbitrary<std::uint64_t>();
  options.multiple_of = *rc::gen::inRange(1, 5);
  options.drop_last = *rc::gen::arbitrary<bool>();
  const auto result = plan_packs(one.lengths, one.capacity, options);
  if (!result) {
    RC_ASSERT(result.error().subject == "multiple_of");
    RC_ASSERT(!options.drop_last);
    return;
  }
  const PackPlan& plan = result.value();
  const Packs packs = packs_of(plan);
  RC_ASSERT(std::ssize(packs) % options.multiple_of == 0);
  std::multiset<std::int64_t> seen(plan.dropped_indices.begin(), plan.dropped_indices.end());
  std::int64_t counted = 0;
  std::int64_t counted_tokens = 0;
  for (const auto& pack : packs) {
    RC_ASSERT(!pack.empty());
    seen.insert(pack.begin(), pack.end());
    std::int64_t tokens = 0;
    std::int64_t weight = 0;
    for (const std::int64_t sample : pack) {
      const auto i = static_cast<std::size_t>(sample);
      const bool cut = options.oversized == Oversized::kTruncate;
      tokens += cut ? std::min(one.lengths[i], one.capacity) : one.lengths[i];
      weight += options.weights.empty() ? 0 : weights[i];
      RC_ASSERT(options.groups.empty() || groups[i] == groups[static_cast<std::size_t>(pack[0])]);
    }
    RC_ASSERT(pack.size() == 1 || (tokens <= one.capacity && weight <= 8));
    RC_ASSERT(options.max_samples == 0 || std::ssize(pack) <= options.max_samples);
    if (tokens > one.capacity || weight > 8) continue;
    ++counted;
    counted_tokens += tokens;
  }
  RC_ASSERT(plan.packs == counted);
  const auto room = static_cast<double>(counted * one.capacity);
  RC_ASSERT(plan.efficiency == (counted == 0 ? 1.0 : static_cast<double>(counted_tokens) / room));
  RC_ASSERT(seen.size() == n);
  RC_ASSERT(std::set(seen.begin(), seen.end()).size() == n);
}

TEST(PackPlan, SeedsShuffleEqualSamplesAndPacksAlone) {
  const Lengths lengths = {5, 5, 5, 5, 5, 5, 5, 5, 3, 3, 3, 3, 2, 2, 2, 2};
  PackOptions options;
  const Packs plain = planned(lengths, 10, options);
  std::set<Packs> seen;
  const auto sizes = [&](const Packs& packs) {
    std::multiset<Lengths> result;
    for (const auto& pack : packs) {
      Lengths size;
      for (const std::int64_t i : pack) size.push_back(lengths[static_cast<std::size_t>(i)]);
      result.insert(size);
    }
    return result;
  };
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    options.seed = seed;
    const Packs packs = planned(lengths, 10, options);
    EXPECT_EQ(packs, planned(lengths, 10, options));
    EXPECT_EQ(sizes(packs), sizes(plain));
    seen.insert(packs);
  }
  EXPECT_EQ(seen.size(), 20U);
  options.seed = 1;
  // The generator is ours: these packs are the same on every machine and in every version.
  EXPECT_EQ(planned({1, 1, 1, 1, 1}, 2, options), (Packs{{1, 0}, {2}, {3, 4}}));
}

TEST(PackPlan, ThreadsDoNotChangeThePlan) {
  Lengths lengths(3'000'000);  // enough for blocks of huge pages
  std::uint64_t state = 1;
  for (std::int64_t& length : lengths) {
    state = state * 6364136223846793005 + 1442695040888963407;
    length = static_cast<std::int64_t>((state >> 33) % 700);
  }
  set_num_threads(1);
  const PackPlan alone = plan_packs(lengths, 1000).value();
  set_num_threads(3);
  const PackPlan together = plan_packs(lengths, 1000).value();
  set_num_threads(0);
  EXPECT_EQ(alone.offsets, together.offsets);
  EXPECT_EQ(alone.indices, together.indices);
  EXPECT_LE(alone.packs, alone.lower_bound + alone.lower_bound / 2000);
}

TEST(PackPlan, OversizedStandAloneOutsideBoundAndEfficiency) {
  const PackPlan plan = plan_packs(Lengths{11, 4, 6, 99}, 10).value();
  EXPECT_EQ(packs_of(plan), (Packs{{0}, {3}, {2, 1}}));
  EXPECT_EQ(plan.packs, 1);
  EXPECT_EQ(plan.lower_bound, 1);
  EXPECT_EQ(plan.efficiency, 1.0);
  EXPECT_EQ(plan.oversized_indices, (Buffer<std::int64_t>{0, 3}));
}

TEST(PackPlan, NothingGivesNothing) {
  const PackPlan plan = plan_packs(Lengths{}, 10, {.multiple_of = 8}).value();
  EXPECT_EQ(plan.offsets, (Buffer<std::int64_t>{0}));
  EXPECT_EQ(plan.lower_bound, 0);
}

TEST(PackPlan, ErrorsNameIndexAndValue) {
  const auto detail = [](const Lengths& lengths, const PackOptions& options = {}) {
    return plan_packs(lengths, 10, options).error().detail;
  };
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  const Lengths groups = {0, 1, 0};
  for (const PackOptions& options : {PackOptions{}, {.oversized = Oversized::kTruncate}, {.groups = groups}}) {
    EXPECT_EQ(detail({1, -3, 2}, options), "expected lengths >= 0, got -3 at index 1");
    EXPECT_EQ(detail({1, kHuge, kHuge}, options),
              "expected lengths whose sum fits 64 bits, got 4611686018427387904 at index 2");
  }
  EXPECT_EQ(detail({1, 11}, {.oversized = Oversized::kError}),
            "expected lengths up to the capacity of 10, got 11 at index 1");
  EXPECT_EQ(
      detail({1, 1}, {.multiple_of = 3}),
      "expected samples for a multiple of 3 packs, got 2 in 1 packs, fewer than the next multiple; drop_last leaves "
      "packs out instead");
  EXPECT_THROW(std::ignore = plan_packs(Lengths{1}, 0), std::invalid_argument);
  const Lengths two = {1, 1};
  EXPECT_THROW(std::ignore = plan_packs(Lengths{1}, 5, {.groups = two}), std::invalid_argument);
}

}  // namespace
}  // namespace typetally
