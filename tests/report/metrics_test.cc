// The keys of design section 5, their order and their formulas.
#include "typetally/report/metrics.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace typetally {
namespace {

using Metrics = std::vector<std::pair<std::string, double>>;

Tally some() {
  Tally tally;
  tally.of(TokenType::kDesc) = {
      .count = 4, .correct = 1, .ranked = 4, .correct_top5 = 3, .with_entropy = 4, .nll = 8, .entropy = 2};
  tally.of(TokenType::kFormat) = {
      .count = 4, .correct = 4, .ranked = 2, .correct_top5 = 2, .with_entropy = 2, .nll = 1, .entropy = 3};
  tally.untyped = {.count = 2, .correct = 1, .nonfinite = 5, .nll = 1};
  tally.batches = 4;
  return tally;
}

TEST(ComputeMetrics, NamesAndFormulas) {
  EXPECT_EQ(compute_metrics(some()), (Metrics{{"loss", 1.0},
                                              {"token_acc", 0.6},
                                              {"token_count", 2.5},
                                              {"desc_token_acc", 0.25},
                                              {"desc_entropy", 0.5},
                                              {"desc_token_count", 1.0},
                                              {"format_token_acc", 1.0},
                                              {"format_entropy", 1.5},
                                              {"format_token_count", 1.0}}));
}

TEST(ComputeMetrics, Extended) {
  Tally tally = some();
  tally.skipped_samples = 3;
  EXPECT_EQ(compute_metrics(tally, {.extended = true}), (Metrics{{"loss", 1.0},
                                                                 {"token_acc", 0.6},
                                                                 {"token_count", 2.5},
                                                                 {"desc_token_acc", 0.25},
                                                                 {"desc_entropy", 0.5},
                                                                 {"desc_token_count", 1.0},
                                                                 {"desc_loss", 2.0},
                                                                 {"desc_token_acc_top5", 0.75},
                                                                 {"desc_token_frac", 0.4},
                                                                 {"format_token_acc", 1.0},
                                                                 {"format_entropy", 1.5},
                                                                 {"format_token_count", 1.0},
                                                                 {"format_loss", 0.25},
                                                                 {"format_token_acc_top5", 1.0},
                                                                 {"format_token_frac", 0.4},
                                                                 {"token_acc_top5", 5.0 / 6},
                                                                 {"text_token_acc", 0.625},
                                                                 {"tokens_total", 10.0},
                                                                 {"typed_frac", 0.8},
                                                                 {"skipped_samples", 3.0},
                                                                 {"nonfinite_tokens", 5.0}}));
}

TEST(ComputeMetrics, NothingButErrorsWithoutATarget) {
  Tally tally;
  tally.batches = 7;
  EXPECT_EQ(compute_metrics(tally), Metrics{});
  tally.errors = 2;
  EXPECT_EQ(compute_metrics(tally), (Metrics{{"typetally_errors", 2.0}}));
}

}  // namespace
}  // namespace typetally
