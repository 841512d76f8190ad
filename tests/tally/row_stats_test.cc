// One suite for the reference, for every instruction set that this machine has, for CUDA and for CUDA's arithmetic on
// the host: what a row adds up to, against sums in long double.
#include "typetally/tally/row_stats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tally/cuda_on_host.h"
#include "tally/device_copy.h"
#include "tally/logits.h"
#include "typetally/base/parallel.h"
#include "typetally/tally/cpu_targets.h"

namespace typetally {
namespace {

using test::Logits;

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Truth {
  double nll, entropy;
  std::int64_t argmax = 0, rank = 0;
};

/// Needs a row without NaN or +inf and with a label that is not -inf.
Truth expected(const Logits& logits, std::int64_t row, std::int64_t label) {
  Truth truth{};
  const std::int64_t size = logits.vocabulary();
  for (std::int64_t i = 1; i < size; ++i)
    if (logits.get(row, i) > logits.get(row, truth.argmax)) truth.argmax = i;
  const long double max = logits.get(row, truth.argmax), own = logits.get(row, label);
  long double s1 = 0, s2 = 0;
  for (std::int64_t i = 0; i < size; ++i) {
    const long double x = logits.get(row, i);
    truth.rank += x > own || (x == own && i < label);
    if (x == -kInf) continue;
    s1 += std::exp(x - max);
    s2 += (x - max) * std::exp(x - max);
  }
  truth.nll = static_cast<double>(max - own + std::log(s1));
  truth.entropy = static_cast<double>(std::log(s1) - s2 / s1);
  return truth;
}

struct Case {
  std::string target;  ///< "reference", "CUDA", "CUDA_on_host", or one of cpu::targets()
  DType dtype;

  bool on_host() const { return target != "CUDA"; }
  double tolerance() const { return target.starts_with("CUDA") ? 5e-6 : 1e-6; }

  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.target << " " << name(c.dtype); }
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const DType dtype : {DType::kBFloat16, DType::kFloat16, DType::kFloat32, DType::kFloat64}) {
    all.push_back({"reference", dtype});
    for (const std::string& target : cpu::targets()) all.push_back({target, dtype});
    if (dtype == DType::kFloat64) continue;  // a Torch route reads it
    all.push_back({"CUDA", dtype});
    all.push_back({"CUDA_on_host", dtype});
  }
  return all;
}

class RowStatsTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const std::vector<std::string> targets = cpu::targets();
    if (std::ranges::count(targets, GetParam().target) > 0) cpu::use_target(GetParam().target);
    if (!GetParam().on_host() && !test::DeviceCopy::missing().empty()) GTEST_SKIP() << test::DeviceCopy::missing();
  }
  void TearDown() override { cpu::use_target(""); }

  std::vector<RowStats> read(const Logits& logits, const std::vector<RowRequest>& requests,
                             const RowStatsOptions& options = {}) const {
    std::vector<RowStats> out(requests.size());
    if (!GetParam().on_host()) {
      row_stats(test::DeviceCopy(logits).view(), requests, options, out);
      return out;
    }
    const auto kernel = GetParam().target == "reference"      ? reference::row_stats
                        : GetParam().target == "CUDA_on_host" ? test::cuda_on_host
                                                              : row_stats;
    kernel(logits.view(), requests, options, out);
    return out;
  }

  /// Reads row 0 for each label and compares.
  void check(const Logits& logits, const std::vector<std::int64_t>& labels, const std::string& what) const {
    std::vector<RowRequest> requests;
    for (const std::int64_t label : labels) requests.push_back({0, label});
    const auto stats = read(logits, requests);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const Truth truth = expected(logits, 0, labels[i]);
      SCOPED_TRACE(what + ", label " + std::to_string(labels[i]));
      EXPECT_TRUE(stats[i].finite);
      EXPECT_NEAR(stats[i].nll(), truth.nll, GetParam().tolerance());
      EXPECT_NEAR(stats[i].entropy(), truth.entropy, GetParam().tolerance());
      EXPECT_EQ(stats[i].argmax, truth.argmax);
      EXPECT_EQ(stats[i].rank, truth.rank);
    }
  }

  Logits filled(std::int64_t size, const std::function<double(std::int64_t)>& logit, test::Layout layout = {}) const {
    Logits logits(GetParam().dtype, 1, size, layout);
    for (std::int64_t i = 0; i < size; ++i) logits.set(0, i, logit(i));
    return logits;
  }
};

// Around one lane, one step (64 columns under AVX-512), one chain, one block of 2,048, and several blocks.
const std::array kSizes = {1, 2, 3, 15, 16, 17, 63, 64, 65, 127, 255, 257, 1000, 2047, 2048, 2049, 2111, 4096, 6145};

TEST_P(RowStatsTest, SizesThatStraddleLanesStepsAndBlocks) {
  for (const int size : kSizes) {
    std::mt19937 random(static_cast<unsigned>(size));
    std::normal_distribution<double> normal(0, 4);
    const Logits logits = filled(size, [&](auto) { return normal(random); }, {.skipped = size % 5});
    check(logits, {0, size / 2, size - 1}, "size " + std::to_string(size));
  }
}

TEST_P(RowStatsTest, StridedVocabulary) {
  for (const std::int64_t stride : {2, 7}) {
    std::mt19937 random(5);
    std::normal_distribution<double> normal(0, 3);
    check(filled(4500, [&](auto) { return normal(random); }, {.column_stride = stride}), {0, 2048, 4499}, "strided");
  }
}

TEST_P(RowStatsTest, OffsetsCancel) {
  for (const double offset : {1e4, -1e4, 3e3, 0.0}) {
    std::mt19937 random(6);
    std::normal_distribution<double> normal(0, 5);
    check(filled(5000, [&](auto) { return offset + normal(random); }), {0, 4999}, "offset " + std::to_string(offset));
  }
}

TEST_P(RowStatsTest, OneLogitFarAboveEqualOnes) {
  for (const double gap : {0.0, 0.1, 1.7, 5.0, 5.3, 8.9, 11.9, 12.03, 30.0, 60.0, 88.0, 200.0, 2e4}) {
    for (const double rest : {0.0, 0.1, -3.3, 7.77}) {
      for (const std::int64_t size : {5, 3000}) {
        const auto logit = [&](std::int64_t i) { return i == size / 2 ? rest + gap : rest; };
        check(filled(size, logit), {0, size / 2, size - 1}, std::to_string(gap) + " above " + std::to_string(rest));
      }
    }
  }
}

TEST_P(RowStatsTest, TwoLevelsOfEqualWeight) {
  for (const double low : {0.37, -5.21}) {  // where equal roundings of equal logits add up most
    for (const std::int64_t size : {2000, 40000}) {
      const auto logit = [&](std::int64_t i) { return i == 77 ? low + std::log(static_cast<double>(size)) : low; };
      check(filled(size, logit), {77}, "low " + std::to_string(low));
    }
  }
}

TEST_P(RowStatsTest, AWholeVocabularyAtAnyOffset) {
  constexpr std::int64_t kSize = 151936;
  const std::vector<std::pair<std::string, std::function<double(std::int64_t)>>> forms = {
      {"all equal", [](auto) { return 0.3; }},
      {"one hot", [](std::int64_t i) { return i == 77 ? 30.0 : 0.3; }},
      {"one as heavy as the rest", [](std::int64_t i) { return i == 77 ? 12.33 : 0.3; }},
      {"masked", [](std::int64_t i) { return i % 16 == 13 ? 0.01 * static_cast<double>(i % 97) : -kInf; }},
      {"underflowing", [](std::int64_t i) { return i == 77 ? 0.0 : -100.0 - static_cast<double>(i % 50); }},
  };
  for (const auto& [form, logit] : forms)
    for (const double offset : {0.0, 1e4, -1e4})
      check(filled(kSize, [&](std::int64_t i) { return offset + logit(i); }), {77},
            form + ", offset " + std::to_string(offset));
}

TEST_P(RowStatsTest, MaskedVocabularyWeighsNothing) {
  for (const std::int64_t kept : {1, 3, 100}) {
    const std::int64_t size = 5003;
    const auto logit = [&](std::int64_t i) {
      return i % (size / kept) == 0 ? 0.01 * static_cast<double>(i % 97) : -kInf;
    };
    check(filled(size, logit), {0}, std::to_string(kept) + " kept");
  }
}

TEST_P(RowStatsTest, LateMaximaRescaleWhatCameBefore) {
  const auto rising = [](std::int64_t i) { return 0.004 * static_cast<double>(i); };
  check(filled(9000, rising), {0, 8999}, "rising");
  const auto falling = [](std::int64_t i) { return -0.004 * static_cast<double>(i); };
  check(filled(9000, falling), {0, 8999}, "falling");
  const auto jump = [](std::int64_t i) { return i < 6000 ? -70.0 + static_cast<double>(i % 3) : 1.0; };
  check(filled(9000, jump), {0, 5999, 6000}, "jump");
}

TEST_P(RowStatsTest, TiesGoToTheFirst) {
  const auto logit = [](std::int64_t i) { return i % 1000 == 3 ? 2.0 : i % 2 == 0 ? 1.0 : 0.5; };
  check(filled(4500, logit), {0, 3, 4, 1003, 2050, 4003, 4498, 4499}, "ties");
  const auto zeros = [](std::int64_t i) { return i % 2 == 0 ? -0.0 : 0.0; };
  check(filled(2100, zeros), {0, 1, 2, 1001, 2099}, "signed zeros");
}

TEST_P(RowStatsTest, TinyAndSubnormalLogits) {
  const double tiny = GetParam().dtype == DType::kFloat16 ? 6e-8 : 1e-40;
  check(filled(2500, [&](std::int64_t i) { return tiny * static_cast<double>(i % 7 - 3); }), {0, 2499}, "subnormal");
}

TEST_P(RowStatsTest, ExtremesOfTheDtype) {
  const double large = GetParam().dtype == DType::kFloat16 ? 65504 : 3e38;
  check(filled(300, [&](std::int64_t i) { return i == 9 ? large : i % 2 == 0 ? 0.0 : -large; }), {9}, "largest");
}

TEST_P(RowStatsTest, NonFiniteRowsAreMarked) {
  for (const std::int64_t size : {1, 70, 5000}) {
    for (const std::int64_t at : {std::int64_t{0}, size / 2, size - 1}) {
      for (const double bad : {std::nan(""), -std::nan(""), kInf}) {
        const Logits logits = filled(size, [&](std::int64_t i) { return i == at ? bad : -0.25 * double(i % 5) - 1; });
        for (const RowStats& stats : read(logits, {{0, 0}, {0, size - 1}})) {
          EXPECT_FALSE(stats.finite);
          EXPECT_TRUE(std::isnan(stats.max) && std::isnan(stats.nll()) && std::isnan(stats.entropy()));
          EXPECT_EQ(stats.argmax, -1);
        }
      }
    }
  }
}

TEST_P(RowStatsTest, AMaskedLabelIsNonFiniteButTheRowIsRead) {
  const Logits logits = filled(3000, [](std::int64_t i) { return i == 5 ? -kInf : i == 2500 ? 1.0 : 0.0; });
  const auto stats = read(logits, {{0, 5}, {0, 6}});
  EXPECT_FALSE(stats[0].finite);
  EXPECT_EQ(stats[0].nll(), kInf);
  EXPECT_EQ(stats[0].argmax, 2500);
  EXPECT_EQ(stats[0].rank, 2999);
  EXPECT_TRUE(stats[1].finite);
  EXPECT_NEAR(stats[0].entropy(), expected(logits, 0, 6).entropy, GetParam().tolerance());
}

TEST_P(RowStatsTest, ARowOfMinusInfinityWeighsNothing) {
  const auto stats = read(filled(2100, [](auto) { return -kInf; }), {{0, 4}});
  EXPECT_FALSE(stats[0].finite);
  EXPECT_EQ(stats[0].s1, 0);
  EXPECT_EQ(stats[0].s2, 0);
  EXPECT_EQ(stats[0].argmax, 0);
}

TEST_P(RowStatsTest, OnlyRequestedRowsAreRead) {
  Logits logits(GetParam().dtype, 6, 130);
  for (std::int64_t row = 0; row < 6; ++row)
    for (std::int64_t i = 0; i < 130; ++i) logits.set(row, i, row % 2 == 0 ? std::nan("") : double(i + row) * 0.125);
  const auto stats = read(logits, {{5, 1}, {1, 2}, {3, 129}});
  for (const RowStats& one : stats) EXPECT_TRUE(one.finite);
  EXPECT_NEAR(stats[0].nll(), expected(logits, 5, 1).nll, GetParam().tolerance());
  EXPECT_NEAR(stats[2].nll(), expected(logits, 3, 129).nll, GetParam().tolerance());
}

TEST_P(RowStatsTest, TheSameBitsForAnyNumberOfThreads) {
  Logits logits(GetParam().dtype, 40, 9001);
  std::mt19937 random(8);
  std::normal_distribution<double> normal(0, 4);
  std::vector<RowRequest> requests;
  for (std::int64_t row = 0; row < 40; ++row) {
    for (std::int64_t i = 0; i < 9001; ++i) logits.set(row, i, normal(random));
    requests.push_back({row, row});
  }
  set_num_threads(1);
  const auto alone = read(logits, requests);
  for (const int threads : {2, 3, 8}) {
    set_num_threads(threads);
    const auto stats = read(logits, requests);
    for (std::size_t i = 0; i < stats.size(); ++i) {
      EXPECT_EQ(stats[i].s1, alone[i].s1);
      EXPECT_EQ(stats[i].s2, alone[i].s2);
      EXPECT_EQ(stats[i].rank, alone[i].rank);
    }
  }
  set_num_threads(0);
}

INSTANTIATE_TEST_SUITE_P(Targets, RowStatsTest, testing::ValuesIn(cases()), [](const auto& instance) {
  return instance.param.target + "_" + std::string(name(instance.param.dtype));
});

}  // namespace
}  // namespace typetally
