#include "typetally/typing/typer.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "typing/byte_tokens.h"

namespace typetally {
namespace {

using Labels = std::vector<std::int64_t>;

constexpr std::int64_t kSpecial = 256;
constexpr std::int64_t kUnknown = 257;

// Every byte is a token, and one is special.
TokenTyper byte_typer() {
  std::vector<Token> tokens = testing::byte_tokens();
  tokens.push_back({"<|im_end|>", true});
  return {std::make_shared<Vocabulary>(Vocabulary::from_tokens(tokens)), Marker::create("json").value()};
}

// Pieces of answers, unsupervised labels, and now and then an id that no vocabulary has.
Labels make_document() {
  static const std::vector<std::string> kPieces = {R"({"desc": ")", "cat", R"(", "bbox_2d": [)", "1, 23", "]}", "é",
                                                   "\xE7"};
  Labels labels;
  for (int n = *rc::gen::inRange(0, 8); n > 0; --n) {
    const int kind = *rc::gen::inRange(0, 12);
    if (kind == 0) labels.push_back(*rc::gen::element(kSpecial, kUnknown));
    if (kind <= 2) labels.push_back(kIgnoreIndex);
    for (const char c : *rc::gen::elementOf(kPieces)) labels.push_back(static_cast<unsigned char>(c));
  }
  return labels;
}

std::vector<TokenType> type_alone(const TokenTyper& typer, const Labels& labels) {
  std::vector<TokenType> types(labels.size());
  (void)typer.type_labels(labels, {}, types);
  return types;
}

TEST(TypeLabels, APackIsItsDocumentsAlone) {
  const TokenTyper typer = byte_typer();
  EXPECT_TRUE(rc::check([&] {
    Labels packed;
    std::vector<std::int32_t> bounds = {0};
    std::vector<TokenType> expected;
    std::size_t unknown = 0;
    for (int documents = *rc::gen::inRange(0, 5); documents > 0; --documents) {
      const Labels labels = make_document();
      const auto types = type_alone(typer, labels);
      packed.insert(packed.end(), labels.begin(), labels.end());
      expected.insert(expected.end(), types.begin(), types.end());
      bounds.push_back(static_cast<std::int32_t>(packed.size()));
      unknown += std::find(labels.begin(), labels.end(), kUnknown) != labels.end() ? 1U : 0U;
    }
    std::vector<TokenType> types(packed.size());
    const TypingReport report = typer.type_labels(packed, bounds, types);
    RC_ASSERT(types == expected);
    RC_ASSERT(report.skipped.size() == unknown);
    for (const Error& skipped : report.skipped) {
      RC_ASSERT(packed[static_cast<std::size_t>(skipped.offset)] == kUnknown);
    }
    RC_ASSERT(report.documents == std::ssize(bounds) - 1);
  }));
}

TEST(TypeLabels, RefusesBoundariesAndTypesThatDoNotFit) {
  const TokenTyper typer = byte_typer();
  const Labels labels = {1, 2, 3};
  std::vector<TokenType> types(3);
  for (const auto& bounds : {std::vector<std::int32_t>{0, 2}, {1, 3}, {0, 2, 1, 3}, {0, 4}}) {
    EXPECT_THROW((void)typer.type_labels(labels, bounds, types), std::invalid_argument);
  }
  types.resize(2);
  EXPECT_THROW((void)typer.type_labels(labels, {}, types), std::invalid_argument);
}

}  // namespace
}  // namespace typetally
