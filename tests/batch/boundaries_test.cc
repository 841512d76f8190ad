#include "typetally/batch/boundaries.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "typetally/batch/collate.h"
#include "typetally/tally/targets.h"

namespace typetally {
namespace {

using Values = std::vector<std::int64_t>;
using Ends = std::vector<std::int32_t>;

/// Owns what a BoundarySource points to.
struct Source {
  Source(BoundaryKind kind_, std::string name_, Values shape_, Values values_)
      : kind(kind_), name(std::move(name_)), shape(std::move(shape_)), values(std::move(values_)) {
    std::int64_t stride = 1;
    strides.resize(shape.size());
    for (std::size_t axis = shape.size(); axis-- > 0; stride *= shape[axis]) strides[axis] = stride;
  }
  BoundarySource view() const { return {kind, name, {values.data(), shape, strides, DType::kInt64, {}}}; }

  BoundaryKind kind;
  std::string name;
  Values shape;
  Values values;
  Values strides;
};

Source cu(Values values) {
  const std::int64_t n = std::ssize(values);
  return {BoundaryKind::kCuSeqlens, "cu_seqlens", {n}, std::move(values)};
}
Source lengths(Values values) {
  const std::int64_t n = std::ssize(values);
  return {BoundaryKind::kSeqLengths, "seq_lengths", {n}, std::move(values)};
}
Source positions(Values shape, Values values) {
  return {BoundaryKind::kPositionIds, "position_ids", std::move(shape), std::move(values)};
}
Source mask(Values shape, Values values) {
  return {BoundaryKind::kAttentionMask, "attention_mask", std::move(shape), std::move(values)};
}

Result<Ends> read(std::int64_t rows, std::int64_t columns, const std::vector<Source>& sources) {
  std::vector<BoundarySource> views;
  for (const Source& source : sources) views.push_back(source.view());
  return document_boundaries(rows, columns, views);
}

Ends ends(std::int64_t rows, std::int64_t columns, const std::vector<Source>& sources) {
  const auto result = read(rows, columns, sources);
  if (!result) ADD_FAILURE() << result.error().detail;
  return result ? result.value() : Ends{};
}

TEST(DocumentBoundaries, EachSourceAlone) {
  EXPECT_EQ(ends(2, 3, {}), (Ends{0, 3, 6}));
  EXPECT_EQ(ends(1, 7, {cu({0, 3, 7})}), (Ends{0, 3, 7}));
  EXPECT_EQ(ends(1, 7, {cu({0, 3, 3, 5})}), (Ends{0, 3, 5, 7}));
  EXPECT_EQ(ends(1, 7, {cu({0, 3, 7, -1, -1})}), (Ends{0, 3, 7}));
  EXPECT_EQ(ends(2, 4, {cu({0, 3, 4, 6})}), (Ends{0, 3, 4, 6, 8}));
  EXPECT_EQ(ends(2, 4, {cu({0, 3})}), (Ends{0, 3, 4, 8}));
  EXPECT_EQ(ends(2, 4, {{BoundaryKind::kCuSeqlens, "cu_seqlens", {2, 3}, {0, 3, 4, 0, 4, 4}}}), (Ends{0, 3, 4, 8}));
  EXPECT_EQ(ends(1, 7, {lengths({3, 4})}), (Ends{0, 3, 7}));
  EXPECT_EQ(ends(1, 7, {lengths({3, 2})}), (Ends{0, 3, 5, 7}));
  EXPECT_EQ(ends(2, 4, {lengths({3, 4})}), (Ends{0, 3, 4, 8}));
  EXPECT_EQ(ends(2, 4, {{BoundaryKind::kSeqLengths, "seq_lengths", {2, 2}, {3, 1, 4, 0}}}), (Ends{0, 3, 4, 8}));
  EXPECT_EQ(ends(1, 5, {positions({1, 5}, {0, 1, 2, 0, 1})}), (Ends{0, 3, 5}));
  EXPECT_EQ(ends(1, 5, {positions({5}, {2, 3, 4, 2, 3})}), (Ends{0, 3, 5}));
  EXPECT_EQ(ends(1, 4, {positions({1, 4}, {0, 0, 0, 1})}), (Ends{0, 1, 2, 4}));
  EXPECT_EQ(ends(2, 4, {positions({1, 4}, {0, 1, 2, 3})}), (Ends{0, 4, 8}));
  EXPECT_EQ(ends(1, 3, {positions({3, 1, 3}, {0, 0, 0, 0, 1, 0, 1, 0, 1})}), (Ends{0, 3}));
  EXPECT_EQ(ends(1, 3, {positions({4, 1, 3}, {0, 1, 0, 0, 0, 0, 0, 1, 2, 0, 1, 2})}), (Ends{0, 2, 3}));
  EXPECT_EQ(ends(2, 4, {mask({2, 4}, {1, 1, 2, 2, 1, 2, 3, 0})}), (Ends{0, 2, 4, 5, 6, 7, 8}));
  EXPECT_EQ(ends(1, 7, {mask({3}, {0, 3, 7})}), (Ends{0, 3, 7}));
}

TEST(DocumentBoundaries, PaddingIsNoDocumentOfARowButOnItsLeft) {
  const Values right = {1, 1, 1, 0, 0};
  EXPECT_EQ(ends(1, 5, {mask({1, 5}, right)}), (Ends{0, 5}));
  EXPECT_EQ(ends(1, 5, {mask({1, 5}, right), positions({1, 5}, {0, 1, 2, 1, 1})}), (Ends{0, 5}));
  EXPECT_EQ(ends(1, 5, {mask({1, 5}, right), positions({1, 5}, {0, 1, 2, 2, 2})}), (Ends{0, 5}));
  EXPECT_EQ(ends(1, 5, {mask({1, 5}, right), cu({0, 3})}), (Ends{0, 3, 5}));
  const Values left = {0, 0, 1, 1, 1};
  EXPECT_EQ(ends(1, 5, {mask({1, 5}, left)}), (Ends{0, 2, 5}));
  EXPECT_EQ(ends(1, 5, {mask({1, 5}, left), positions({1, 5}, {1, 1, 0, 1, 2})}), (Ends{0, 2, 5}));
  EXPECT_EQ(ends(1, 5, {mask({1, 5}, left), positions({1, 5}, {0, 0, 0, 1, 2})}), (Ends{0, 2, 5}));
}

TEST(DocumentBoundaries, DisagreementShowsBoth) {
  const auto result = read(1, 7, {cu({0, 3, 7}), positions({1, 7}, {0, 1, 2, 3, 0, 1, 2})});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kDisagreement);
  EXPECT_EQ(result.error().offset, 3);
  EXPECT_EQ(result.error().detail,
            "expected sources that agree, got cu_seqlens = [0, 3, 7] and position_ids = [0, 4, 7]");
  EXPECT_FALSE(read(1, 7, {cu({0, 3, 7}), positions({1, 7}, {0, 1, 2, 3, 4, 5, 6})}));
  EXPECT_FALSE(read(1, 4, {cu({0, 2, 4}), mask({1, 4}, {1, 2, 2, 2})}));
}

TEST(DocumentBoundaries, RefusesWhatDoesNotFit) {
  const std::vector<Source> bad = {cu({1, 7}),
                                   cu({0, 8}),
                                   cu({0, 5, 3}),
                                   cu({}),
                                   lengths({8}),
                                   lengths({-1, 8}),
                                   positions({1, 6}, {0, 1, 2, 3, 4, 5}),
                                   mask({2, 7}, Values(14, 1)),
                                   mask({3}, {0, 3, 6})};
  for (const Source& source : bad) {
    const auto result = read(1, 7, {source});
    EXPECT_TRUE(!result && result.error().code == ErrorCode::kMalformed) << source.name;
  }
  EXPECT_EQ(read(2, 4, {cu({0, 5, 8})}).error().code, ErrorCode::kMalformed);
  const Values shape = {1};
  const BoundarySource floats = {BoundaryKind::kCuSeqlens, "cu_seqlens", {nullptr, shape, shape, DType::kFloat32, {}}};
  EXPECT_THROW(std::ignore = document_boundaries(1, 7, std::span(&floats, 1)), std::invalid_argument);
}

/// The law: targets = sum over documents of count(labels[d][1:] != -100), however the documents are laid out.
RC_GTEST_PROP(DocumentBoundaries, TargetsAreThoseOfTheSamples, ()) {
  const auto sizes = *rc::gen::nonEmpty(rc::gen::container<Values>(rc::gen::inRange<std::int64_t>(0, 9)));
  std::vector<Values> labels;
  std::vector<SampleView> views;
  std::size_t expected = 0;
  for (const std::int64_t size : sizes) {
    labels.push_back(*rc::gen::container<Values>(static_cast<std::size_t>(size), rc::gen::element(-100, 7)));
    for (std::size_t t = 1; t < labels.back().size(); ++t) expected += labels.back()[t] >= 0;
  }
  for (const Values& one : labels) views.push_back({one.data(), DType::kInt64});

  const auto multiple = *rc::gen::inRange<std::int64_t>(1, 5);
  const std::int64_t half = std::ssize(sizes) / 2;
  const Values one_row = {std::ssize(sizes)};
  const Values two_rows = {half, std::ssize(sizes) - half};
  const auto check = [&](const BatchLayout& layout, const std::vector<Source>& sources) {
    Values flat(static_cast<std::size_t>(layout.rows * layout.columns));
    copy_field(layout, views, kIgnoreIndex, flat.data());
    const Ends found = ends(layout.rows, layout.columns, sources);
    RC_ASSERT(find_targets({flat, {}, layout.columns, found, false}).size() == expected);
    return found;
  };
  for (const BatchLayout& layout :
       {layout_packed(sizes, one_row, multiple), layout_packed(sizes, two_rows, multiple)}) {
    if (layout.columns == 0) continue;
    const Ends own = cu_seqlens(layout);
    Values at(static_cast<std::size_t>(layout.rows * layout.columns));
    write_position_ids(layout, at.data());
    RC_ASSERT(check(layout, {cu(Values(own.begin(), own.end()))}) == own);
    RC_ASSERT(check(layout, {positions({layout.rows, layout.columns}, at)}) == own);
  }
  for (const PadSide side : {PadSide::kLeft, PadSide::kRight}) {
    const BatchLayout layout = layout_padded(sizes, side, multiple);
    if (layout.columns == 0) continue;
    Values visible(static_cast<std::size_t>(layout.rows * layout.columns));
    write_attention_mask(layout, visible.data());
    check(layout, {mask({layout.rows, layout.columns}, visible)});
  }
}

}  // namespace
}  // namespace typetally
