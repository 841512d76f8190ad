// Which labels are targets: against design section 4, word for word.
#include "typetally/tally/targets.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace typetally {
namespace {

std::vector<std::int64_t> any_labels(std::size_t size) {
  return *rc::gen::container<std::vector<std::int64_t>>(size, rc::gen::element<std::int64_t>(-100, -1, 0, 7));
}

/// Ascending, with repeats: empty documents.
std::vector<std::int32_t> any_boundaries(std::int32_t size) {
  auto bounds = *rc::gen::container<std::vector<std::int32_t>>(rc::gen::inRange(0, size + 1));
  bounds.push_back(0);
  bounds.push_back(size);
  std::sort(bounds.begin(), bounds.end());
  return bounds;
}

RC_GTEST_PROP(FindTargets, AreTheSupervisedLabelsAfterEachDocumentsFirst, ()) {
  const auto size = *rc::gen::inRange<std::int32_t>(1, 40);
  const auto labels = any_labels(static_cast<std::size_t>(size));
  const auto bounds = any_boundaries(size);
  const auto targets = find_targets({.labels = labels, .columns = size, .cu_seqlens = bounds});
  std::size_t n = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const bool first = std::find(bounds.begin(), bounds.end(), static_cast<std::int32_t>(i)) != bounds.end();
    if (labels[i] < 0 || first) continue;
    RC_ASSERT(n < targets.size());
    RC_ASSERT(targets[n].row == static_cast<std::int64_t>(i) - 1);
    RC_ASSERT(targets[n].label == labels[i]);
    ++n;
  }
  RC_ASSERT(n == targets.size());
}

RC_GTEST_PROP(FindTargets, EachRowIsOneDocumentWithoutBoundaries, ()) {
  const auto rows = *rc::gen::inRange(1, 5), columns = *rc::gen::inRange(1, 9);
  const auto labels = any_labels(static_cast<std::size_t>(rows * columns));
  std::vector<std::int32_t> bounds;
  for (int row = 0; row <= rows; ++row) bounds.push_back(row * columns);
  const auto same = [](const Target& a, const Target& b) { return a.row == b.row && a.label == b.label; };
  const auto implied = find_targets({.labels = labels, .columns = columns});
  const auto given = find_targets({.labels = labels, .columns = columns, .cu_seqlens = bounds});
  RC_ASSERT(std::equal(implied.begin(), implied.end(), given.begin(), given.end(), same));
}

TEST(FindTargets, TakesTheTypeOfTheLabel) {
  const std::vector<std::int64_t> labels = {1, 2, -100, 3};
  const std::vector<TokenType> types = {TokenType::kDesc, TokenType::kCoord, TokenType::kIgnore, TokenType::kFormat};
  const auto targets = find_targets({.labels = labels, .types = types, .columns = 4});
  ASSERT_EQ(targets.size(), 2u);
  EXPECT_EQ(targets[0].type, TokenType::kCoord);
  EXPECT_EQ(targets[1].type, TokenType::kFormat);
  const auto shifted = find_targets({.labels = labels, .types = types, .columns = 4, .shifted = true});
  ASSERT_EQ(shifted.size(), 3u);
  EXPECT_EQ(shifted[0].row, 0);
  EXPECT_EQ(shifted[0].type, TokenType::kDesc);
}

std::string refusal(const LabelBatch& batch) {
  try {
    find_targets(batch);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(FindTargets, RefusesWhatCannotBe) {
  const std::vector<std::int64_t> labels(6, 1);
  const std::vector<TokenType> unknown(6, static_cast<TokenType>(4)), few(5, TokenType::kDesc);
  const std::vector<std::int32_t> late = {1, 6}, early = {0, 5}, falling = {0, 4, 2, 6};
  EXPECT_EQ(refusal({.labels = labels, .columns = 4}), "[find_targets] expected labels in rows of 4, got 6 labels");
  EXPECT_EQ(refusal({.labels = labels, .types = unknown, .columns = 6}),
            "[find_targets] expected token types -1, 1, 2 or 3, got 4");
  EXPECT_EQ(refusal({.labels = labels, .types = few, .columns = 6}), "[find_targets] expected 6 token types, got 5");
  EXPECT_EQ(refusal({.labels = labels, .columns = 6, .cu_seqlens = late}),
            "[find_targets] expected cu_seqlens that begin with 0, got 1");
  EXPECT_EQ(refusal({.labels = labels, .columns = 6, .cu_seqlens = early}),
            "[find_targets] expected cu_seqlens that end with 6, got 5");
  EXPECT_EQ(refusal({.labels = labels, .columns = 6, .cu_seqlens = falling}),
            "[find_targets] expected cu_seqlens that never fall, got 2 after a larger one");
}

TEST(KeepColumns, RenumbersAndDrops) {
  const std::vector<Target> targets = {{0, 5, {}}, {2, 6, {}}, {5, 7, {}}, {6, 8, {}}};  // rows of 4 columns
  const std::vector<std::int64_t> kept = {1, 2}, outside = {4};
  const auto present = keep_columns(targets, 4, kept);
  ASSERT_EQ(present.size(), 3u);
  EXPECT_EQ(present[0].row, 1);
  EXPECT_EQ(present[1].row, 2);
  EXPECT_EQ(present[2].row, 3);
  EXPECT_EQ(present[2].label, 8);
  EXPECT_THROW(keep_columns(targets, 4, outside), std::invalid_argument);
}

}  // namespace
}  // namespace typetally
