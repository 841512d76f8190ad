// What the CUDA kernels add up of rows' statistics, on a device and by their arithmetic on the host, against the tally.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "tally/cuda/addends.h"
#include "tally/device_copy.h"
#include "tally/logits.h"
#include "typetally/tally/tally.h"

namespace typetally {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr std::int64_t kColumns = 11;

/// Rows of which some are poisoned, some have a masked label and some are no targets.
struct Batch {
  explicit Batch(std::int64_t rows) {
    std::mt19937 random(static_cast<unsigned>(rows));
    test::Logits logits(DType::kFloat32, rows, kColumns);
    std::vector<RowRequest> requests;
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t i = 0; i < kColumns; ++i) logits.set(row, i, std::normal_distribution(0.0, 3.0)(random));
      const auto label = static_cast<std::int64_t>(random() % kColumns);
      if (row % 13 == 4) logits.set(row, label, -kInf);
      if (row % 17 == 5) logits.set(row, 3, std::nan(""));
      requests.push_back({row, label});
      labels.push_back(row % 5 == 1 ? -100 : label);
      types.push_back(static_cast<std::int8_t>(random() % 4 == 0 ? -1 : 1 + static_cast<int>(random() % 3)));
      if (labels.back() >= 0) targets.push_back({row, label, static_cast<TokenType>(types.back())});
    }
    stats.resize(requests.size());
    row_stats(logits.view(), requests, {}, stats);
    add(tally, targets, logits.view());
  }

  std::vector<std::int64_t> labels;
  std::vector<std::int8_t> types;
  std::vector<Target> targets;
  std::vector<RowStats> stats;
  Tally tally;
};

std::vector<double> add_on_host(const Batch& batch) {
  std::vector<double> sums(kTallySums);
  for (std::size_t i = 0; i < batch.stats.size(); ++i) {
    if (batch.labels[i] < 0) continue;
    const cuda::Addends addends(batch.stats[i], batch.labels[i]);
    const auto first = std::size_t{cuda::kColumns} * static_cast<std::size_t>(cuda::kind_of(batch.types[i]));
    for (std::size_t c = 0; c < cuda::kColumns; ++c) sums[first + c] += addends.values[c];
  }
  return sums;
}

class CudaTallyTest : public testing::TestWithParam<bool> {};

TEST_P(CudaTallyTest, SumsAreThoseOfTheTally) {
  if (GetParam() && !test::DeviceCopy::missing().empty()) GTEST_SKIP() << test::DeviceCopy::missing();
  for (const std::int64_t rows : {1, 31, 32, 255, 256, 257, 5000, 70000}) {  // around a warp, a block, all blocks
    const Batch batch(rows);
    const auto sums = GetParam() ? test::add_on_device(batch.stats, batch.labels, batch.types) : add_on_host(batch);
    const auto expected = to_flat(batch.tally);
    for (std::size_t i = 0; i < kTallySums; ++i) {
      SCOPED_TRACE(std::to_string(rows) + " rows, sum " + std::to_string(i));
      if (i % 8 < 6) {
        EXPECT_EQ(sums[i], expected[i]);
      } else {
        EXPECT_NEAR(sums[i], expected[i], 1e-12 * static_cast<double>(rows) * 10);
      }
    }
    if (GetParam()) {
      EXPECT_EQ(sums, test::add_on_device(batch.stats, batch.labels, batch.types));
    }
  }
}

TEST(CudaTally, WhatIsNoTypeIsUntyped) {
  for (int type = -128; type < 128; ++type)
    EXPECT_EQ(cuda::kind_of(static_cast<std::int8_t>(type)), type >= 1 && type <= 3 ? type : 0);
}

INSTANTIATE_TEST_SUITE_P(Where, CudaTallyTest, testing::Values(false, true),
                         [](const auto& instance) { return instance.param ? "CUDA" : "CUDA_on_host"; });

}  // namespace
}  // namespace typetally
