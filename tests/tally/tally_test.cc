// Sums over targets: merging as a property, what enters them, and the flat form.
#include "typetally/tally/tally.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <span>
#include <stdexcept>
#include <vector>

#include "tally/logits.h"

namespace typetally {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Sums of multiples of 1/4 are exact, so merging must be exactly associative too.
rc::Gen<TypeTally> any_type_tally() {
  const auto count = rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 40);
  const auto sum = rc::gen::map(rc::gen::inRange(0, 1 << 20), [](int n) { return n * 0.25; });
  return rc::gen::construct<TypeTally>(count, count, count, count, count, count, sum, sum);
}

rc::Gen<Tally> any_tally() {
  const auto count = rc::gen::inRange<std::int64_t>(0, 1000);
  const auto types = rc::gen::container<std::array<TypeTally, kTokenTypes.size()>>(any_type_tally());
  return rc::gen::construct<Tally>(any_type_tally(), types, count, count, count);
}

Tally sum(Tally a, const Tally& b) { return a += b; }

RC_GTEST_PROP(Tally, MergingIsAssociativeAndCommutative, ()) {
  const Tally a = *any_tally(), b = *any_tally(), c = *any_tally();
  RC_ASSERT(sum(a, b) == sum(b, a));
  RC_ASSERT(sum(sum(a, b), c) == sum(a, sum(b, c)));
  RC_ASSERT(sum(a, Tally{}) == a);
}

RC_GTEST_PROP(Tally, FlatFormsAddUpAsTalliesDo, ()) {
  const Tally a = *any_tally(), b = *any_tally();
  auto flat = to_flat(a);
  const auto other = to_flat(b);
  for (std::size_t i = 0; i < kTallySize; ++i) flat[i] += other[i];
  RC_ASSERT(from_flat(flat) == sum(a, b));
}

RC_GTEST_PROP(Tally, AnySplitOfTheTargetsGivesTheSameCounts, ()) {
  test::Logits logits(DType::kFloat32, 12, 9);
  for (std::int64_t row = 0; row < 12; ++row)
    for (std::int64_t i = 0; i < 9; ++i) logits.set(row, i, *rc::gen::inRange(-3, 4));
  std::vector<Target> targets;
  const auto type = rc::gen::element(TokenType::kIgnore, TokenType::kDesc, TokenType::kCoord, TokenType::kFormat);
  for (std::int64_t row = 0; row < 12; ++row) targets.push_back({row, *rc::gen::inRange<std::int64_t>(0, 9), *type});
  Tally whole, split;
  add(whole, targets, logits.view());
  const auto cut = *rc::gen::inRange<std::size_t>(0, 13);
  add(split, std::span(targets).subspan(cut), logits.view());
  add(split, std::span(targets).first(cut), logits.view());
  RC_ASSERT(std::abs(split.total().nll - whole.total().nll) < 1e-9);
  for (const TokenType one : kTokenTypes) {
    RC_ASSERT(split.of(one).count == whole.of(one).count);
    RC_ASSERT(split.of(one).correct == whole.of(one).correct);
    RC_ASSERT(split.of(one).correct_top5 == whole.of(one).correct_top5);
  }
}

TEST(Tally, FifthIsInTheTopFiveAndSixthIsNot) {
  test::Logits logits(DType::kFloat32, 2, 8);
  for (std::int64_t row = 0; row < 2; ++row)
    for (std::int64_t i = 0; i < 8; ++i) logits.set(row, i, static_cast<double>(-i));
  Tally tally;
  add(tally, std::vector<Target>{{0, 4, TokenType::kCoord}, {1, 5, TokenType::kCoord}}, logits.view());
  EXPECT_EQ(tally.of(TokenType::kCoord).correct_top5, 1);
  EXPECT_EQ(tally.of(TokenType::kCoord).ranked, 2);
  EXPECT_EQ(tally.batches, 0);
}

TEST(Tally, NonFiniteTargetsAreCountedApart) {
  test::Logits logits(DType::kFloat32, 3, 4);
  logits.set(0, 2, kNan);
  logits.set(1, 1, -std::numeric_limits<double>::infinity());
  Tally tally;
  add(tally, std::vector<Target>{{0, 1, TokenType::kDesc}, {1, 1, TokenType::kDesc}, {2, 1, TokenType::kIgnore}},
      logits.view());
  EXPECT_EQ(tally.of(TokenType::kDesc), (TypeTally{.nonfinite = 2}));
  EXPECT_EQ(tally.untyped.count, 1);
  EXPECT_NEAR(tally.total().nll, std::log(4), 1e-6);
}

TEST(Tally, TokenStatsWithoutEntropyAreNotCountedWithIt) {
  const std::vector<Target> targets = {{0, 1, TokenType::kFormat}, {1, 2, TokenType::kFormat}};
  const std::vector<double> nll = {0.5, kNan}, entropy = {1.0, 1.0};
  const std::vector<std::uint8_t> correct = {1, 1};
  Tally tally;
  add(tally, targets, TokenStats{nll, correct, {}});
  add(tally, targets, TokenStats{nll, correct, entropy});
  EXPECT_EQ(tally.of(TokenType::kFormat),
            (TypeTally{.count = 2, .correct = 2, .with_entropy = 1, .nonfinite = 2, .nll = 1.0, .entropy = 1.0}));
}

TEST(Tally, ARefusedBatchChangesNothing) {
  const test::Logits logits(DType::kFloat32, 2, 4);
  const std::vector<double> one = {0.5};
  Tally tally;
  EXPECT_THROW(add(tally, std::vector<Target>{{0, 1, {}}, {1, 4, {}}}, logits.view()), std::invalid_argument);
  EXPECT_THROW(add(tally, std::vector<Target>{{0, 1, {}}, {2, 1, {}}}, logits.view()), std::invalid_argument);
  EXPECT_THROW(add(tally, std::vector<Target>{{0, 1, {}}}, TokenStats{one, {}, {}}), std::invalid_argument);
  EXPECT_EQ(tally, Tally{});
}

}  // namespace
}  // namespace typetally
