#include "typetally/batch/collate.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "typetally/tally/cpu_targets.h"

namespace typetally {
namespace {

/// Documents of all lengths around those of vectors, so that each begins at another alignment.
BatchLayout layout_of_many(std::vector<std::int64_t>& lengths) {
  for (std::int64_t length = 0; length < 140; ++length) lengths.push_back(length);
  return layout_packed(lengths, std::vector<std::int64_t>{100, 40}, 1);
}

class EachTarget : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { cpu::use_target(GetParam()); }
  void TearDown() override { cpu::use_target(""); }
};

TEST_P(EachTarget, FillsEachDocumentAndNothingElse) {
  std::vector<std::int64_t> lengths;
  const BatchLayout layout = layout_of_many(lengths);
  const auto size = static_cast<std::size_t>(layout.rows * layout.columns);
  std::vector<std::vector<std::int64_t>> samples;
  std::vector<SampleView> views;
  std::vector<std::int64_t> positions(size), wide(size, -7);
  std::vector<std::int32_t> seq_idx(size);
  std::vector<std::int8_t> narrow(size, -7);
  for (const std::int64_t length : lengths) {
    auto& values = samples.emplace_back();
    for (std::int64_t i = 0; i < length; ++i) values.push_back((length * 1'000'003 + i * 77) * (i % 2 == 0 ? 1 : -1));
  }
  for (const auto& values : samples) views.push_back({values.data(), DType::kInt64});
  write_position_ids(layout, positions.data());
  write_seq_idx(layout, seq_idx.data());
  copy_field(layout, views, -100, wide.data());
  EXPECT_FALSE(copy_field(layout, views, -1, narrow.data()));
  std::vector<std::int64_t> expected_wide(size, -100), expected_positions(size, -1);
  std::vector<std::int32_t> expected_seq_idx(size, -1);
  std::vector<std::int8_t> expected_narrow(size, -1);
  const std::vector<std::int32_t> ends = cu_seqlens(layout);
  for (std::size_t d = 0, number = 0; d + 1 < ends.size(); ++d, ++number) {
    if (ends[d] % layout.columns == 0) number = 0;
    for (auto at = static_cast<std::size_t>(ends[d]); at < static_cast<std::size_t>(ends[d + 1]); ++at) {
      expected_positions[at] = static_cast<std::int64_t>(at) - ends[d];
      expected_seq_idx[at] = static_cast<std::int32_t>(number);
    }
  }
  for (std::size_t s = 0; s < samples.size(); ++s) {
    for (std::size_t i = 0; i < samples[s].size(); ++i) {
      const std::size_t at = static_cast<std::size_t>(layout.documents[s].begin) + i;
      expected_wide[at] = samples[s][i];
      expected_narrow[at] = static_cast<std::int8_t>(samples[s][i]);
    }
  }
  EXPECT_EQ(wide, expected_wide);
  EXPECT_EQ(narrow, expected_narrow);
  EXPECT_EQ(positions, expected_positions);
  EXPECT_EQ(seq_idx, expected_seq_idx);
}

TEST_P(EachTarget, SaysWhereAValueDoesNotFitIntoInt8) {
  for (const std::int64_t value : {-129, -128, 127, 128, 1 << 20}) {
    for (const std::size_t at : {0U, 63U, 64U, 99U}) {
      std::vector<std::int64_t> wide(100, 3);
      wide[at] = value;
      const std::vector<std::int32_t> narrower(wide.begin(), wide.end());
      for (const SampleView view : {SampleView{wide.data(), DType::kInt64}, {narrower.data(), DType::kInt32}}) {
        std::vector<std::int8_t> out(100);
        const std::vector<std::int64_t> lengths = {100};
        const BatchLayout layout = layout_padded(lengths, PadSide::kRight, 1);
        EXPECT_EQ(copy_field(layout, std::span(&view, 1), -1, out.data()), value >= -128 && value <= 127) << value;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cpu, EachTarget, testing::ValuesIn(cpu::targets()),
                         [](const auto& target) { return target.param; });

}  // namespace
}  // namespace typetally
