// Vocabulary shards of rows: read apart by every instruction set, merged in any order, they are the whole row.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "tally/cuda_on_host.h"
#include "tally/logits.h"
#include "typetally/tally/cpu_targets.h"
#include "typetally/tally/row_stats.h"

namespace typetally {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

RowStats read(RowStatsKernel kernel, const TensorView& row, std::int64_t label, std::int64_t offset, double own) {
  RowStats out;
  const std::array<RowRequest, 1> request = {{{0, label}}};
  kernel(row, request, {.vocab_offset = offset, .label_logits = std::span(&own, 1)}, std::span(&out, 1));
  return out;
}

/// Columns [begin, end) of a row.
struct Shard {
  Shard(const test::Logits& logits, std::int64_t begin, std::int64_t end)
      : shape{1, end - begin}, whole(logits.view()), data(static_cast<const float*>(whole.data) + begin) {}

  TensorView view() const { return {data, shape, whole.strides, DType::kFloat32, {}}; }

  std::array<std::int64_t, 2> shape;
  TensorView whole;
  const float* data;
};

void check_shards(const std::vector<std::int64_t>& cuts, std::vector<std::size_t> order, bool masked) {
  const std::int64_t size = cuts.back();
  test::Logits logits(DType::kFloat32, 1, size);
  const auto label = *rc::gen::inRange<std::int64_t>(0, size);
  const auto seed = *rc::gen::inRange<unsigned>(0, 1u << 30);
  for (std::int64_t i = 0; i < size; ++i) {
    const auto noise = static_cast<unsigned>(i) * 2654435761u + seed;
    const bool hidden = masked && i != label && (noise >> 9) % 16 < 15;
    logits.set(0, i, hidden ? -kInf : static_cast<double>((noise >> 12) % 100) * 0.125);
  }
  const RowStats truth = read(reference::row_stats, logits.view(), label, 0, 0);
  RowStats merged;
  for (std::size_t n = 0; n < order.size(); ++n) {
    const auto begin = cuts[order[n]], end = cuts[order[n] + 1];
    const Shard shard(logits, begin, end);
    const RowStats part = read(row_stats, shard.view(), label, begin, logits.get(0, label));
    merged = n == 0 ? part : merge_shard(merged, part);
  }
  RC_ASSERT(std::abs(merged.nll() - truth.nll()) < 1e-6);
  RC_ASSERT(std::abs(merged.entropy() - truth.entropy()) < 1e-6);
  RC_ASSERT(merged.argmax == truth.argmax);
  RC_ASSERT(merged.rank == truth.rank);
}

RC_GTEST_PROP(MergeShard, AnyShardsInAnyOrderAreTheRow, (bool masked)) {
  const auto count = *rc::gen::inRange<std::size_t>(1, 7);
  std::vector<std::int64_t> cuts = {0};
  for (std::size_t i = 0; i < count; ++i) cuts.push_back(cuts.back() + *rc::gen::inRange<std::int64_t>(1, 6000));
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = count; i-- > 1;) std::swap(order[i], order[*rc::gen::inRange<std::size_t>(0, i + 1)]);
  for (const std::string& target : cpu::targets()) {
    cpu::use_target(target);
    check_shards(cuts, order, masked);
  }
  cpu::use_target("");
}

TEST(MergeShard, ALogitThatTheDtypeDoesNotHoldHasNoTies) {
  for (const DType dtype : {DType::kBFloat16, DType::kFloat16, DType::kFloat32}) {
    test::Logits logits(dtype, 1, 300);
    for (std::int64_t i = 0; i < 300; ++i) logits.set(0, i, static_cast<double>(i % 3) - 1.0);
    for (const double own : {0.0, -0.0, 1.0, -1.0, 1e-300, -1e-300, 0.3, -0.3, 1e300, -1e300}) {
      for (const std::int64_t label : {0, 1000}) {  // in a shard before this one, and behind it
        const auto wanted = read(reference::row_stats, logits.view(), label, 500, own).rank;
        EXPECT_EQ(read(row_stats, logits.view(), label, 500, own).rank, wanted) << name(dtype) << own;
        EXPECT_EQ(read(test::cuda_on_host, logits.view(), label, 500, own).rank, wanted) << name(dtype) << own;
      }
    }
  }
}

}  // namespace
}  // namespace typetally
