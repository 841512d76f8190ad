#include "typetally/text/payload_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace typetally {
namespace {

// What CPython's json.dumps prints; the Python tests compare any value, these are the borders of each rule.
TEST(PythonFloat, IsPythonsText) {
  const std::vector<std::pair<double, std::string>> texts = {
      {2.0, "2.0"},
      {-0.0, "-0.0"},
      {0.1, "0.1"},
      {1e-4, "0.0001"},
      {1e-5, "1e-05"},
      {1.5e-7, "1.5e-07"},
      {123456789012345680.0, "1.2345678901234568e+17"},
      {1e15, "1000000000000000.0"},
      {9999999999999998.0, "9999999999999998.0"},
      {1e16, "1e+16"},
      {5e-324, "5e-324"},
      {std::numeric_limits<double>::max(), "1.7976931348623157e+308"},
      {9007199254740993.0, "9007199254740992.0"},
      {std::nan(""), "NaN"},
      {-std::numeric_limits<double>::infinity(), "-Infinity"}};
  for (const auto& [value, text] : texts) EXPECT_EQ(python_float(value), text);
}

TEST(IsCoordinateToken, ReadsDigitsAndTheEndAsPythonDoes) {
  for (const char* token : {"<|coord_0|>", "<|coord_0099|>", "<|coord_٣|>", "<|coord_１𑽐|>", "<|coord_7|>\n"}) {
    EXPECT_TRUE(is_coordinate_token(token)) << token;
  }
  for (const char* other : {"<|coord_|>", "<|coord_12345|>", "<|coord_²|>", "<|coord_5|>\n\n", "<|coord_5|> ",
                            " <|coord_5|>", "<|coord_5", "<|coord_一|>"}) {
    EXPECT_FALSE(is_coordinate_token(other)) << other;
  }
}

TEST(PayloadWriter, NormalizesEscapedStringsOnly) {
  std::vector<std::string> seen;
  PayloadWriter writer(reference_keys(), [&](std::string_view text) {
    seen.emplace_back(text);
    return std::string("N");
  });
  writer.begin_list();
  writer.string("plain");
  writer.string("é\n");
  writer.end_list();
  EXPECT_EQ(writer.take().text, "[\"plain\", \"N\"]");
  EXPECT_EQ(seen, std::vector<std::string>{"é\\n"});
}

TEST(PayloadWriter, RefusesCallsThatDoNotNest) {
  const auto refuses = [](auto calls) {
    PayloadWriter writer(reference_keys());
    EXPECT_THROW(calls(writer), std::invalid_argument);
  };
  refuses([](PayloadWriter& w) { w.end_list(); });
  refuses([](PayloadWriter& w) { w.key("a"); });
  refuses([](PayloadWriter& w) { (w.begin_dict(), w.null()); });
  refuses([](PayloadWriter& w) { (w.begin_dict(), w.end_list()); });
  refuses([](PayloadWriter& w) { (w.begin_dict(), w.key("a"), w.end_dict()); });
  refuses([](PayloadWriter& w) { (w.begin_list(), w.take()); });
}

}  // namespace
}  // namespace typetally
