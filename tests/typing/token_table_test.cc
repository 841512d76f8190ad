// What is learned of tokens against what their text says, on answers whole, cut, spoiled and spliced.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "typing/answer_tokens.h"

namespace typetally {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the oracle's words

// Long tokens, short ones, or some of each.
Labels encode_somehow(std::string_view text) {
  const int kind = *rc::gen::inRange(0, 3);
  return encode(text, [&](std::size_t n) {
    return kind == 0 ? std::size_t{0} : kind == 1 ? n - 1 : *rc::gen::inRange<std::size_t>(0, n);
  });
}

const std::vector<std::string>& answers() {
  static const std::vector<std::string> all = {
      R"({"objects": [{"desc": "a 猫 \"x\"", "bbox_2d": [1, -2.5, 3e4, <|coord_7|>]}, {"desc": "", "poly": [[1, 2], [3, 4]]}]})",
      "```json\n[\n\t{\"bbox_2d\": [10, 20, 30, 40], \"label\": \"cat, dog\"},\n\t{\"label\": \"d\"}\n]\n```",
      R"([{"label": "cat", "score": 0.5, "crowd": true, "id": null, "bbox": []}, {"points": {"point": [0.5, 12]}}])",
      R"({"desc": ["a", "b: c"], "coordinates": ["<|coord_7|>", "x"], "a\"b": {"desc": 5, "bbox": "12"}})",
      "[[1, 2, 3, 4], [5, 6, 7, 8]]",
      "[1, 2]",
      "A cat [sic] at {\"bbox_2d\": [1, 2, 3, 4]} and {'label': 'dog'}",
      "{\"label\": \"cat, \"bbox_2d\": [1, 2, 3, 4]}\n{\"label\": \"dog\"}",
      "<|im_end|>"};
  return all;
}

Labels make_run() {
  Labels run;
  for (int parts = *rc::gen::inRange(1, 4); parts > 0; --parts) {
    const std::string& answer = *rc::gen::elementOf(answers());
    const auto size = static_cast<int>(answer.size());
    const auto begin = static_cast<std::size_t>(*rc::gen::element(0, *rc::gen::inRange(0, size)));
    const auto end = static_cast<std::size_t>(*rc::gen::element(size, *rc::gen::inRange(0, size + 1)));
    const Labels ids = encode_somehow(std::string_view(answer).substr(begin, end < begin ? 0 : end - begin));
    run.insert(run.end(), ids.begin(), ids.end());
    if (*rc::gen::inRange(0, 3) == 0) break;
    for (int n = *rc::gen::inRange(0, 3); n > 0; --n) {
      run.push_back(*rc::gen::inRange<std::int64_t>(0, static_cast<std::int64_t>(tokens().size())));
    }
  }
  return run;
}

class TokenTable : public ::testing::TestWithParam<const char*> {};

TEST_P(TokenTable, SaysWhatTheTextSays) {
  const Marker marker = Marker::create(GetParam()).value();
  const TokenTyper typer(vocabulary(), marker);
  EXPECT_TRUE(rc::check([&] {
    for (int n = 0; n < 20; ++n) {
      const Labels run = make_run();
      if (run.empty()) continue;
      RC_ASSERT(by_labels(typer, run) == by_text(marker, run));
    }
  }));
}

INSTANTIATE_TEST_SUITE_P(Grammars, TokenTable, ::testing::Values("auto", "json", "coordjson"));

TEST(TokenTable, LearnsInManyThreadsAtOnce) {
  const Marker marker = Marker::create("auto").value();
  const TokenTyper typer(vocabulary(), marker);
  std::vector<Labels> runs;
  std::vector<Typed> expected;
  rc::check([&] {
    runs.push_back(make_run());
    expected.push_back(by_text(marker, runs.back()));
  });
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int pass = 0; pass < 3; ++pass) {
        for (std::size_t i = 0; i < runs.size(); ++i) {
          if (!runs[i].empty() && by_labels(typer, runs[i]) != expected[i]) ++wrong;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace typetally
