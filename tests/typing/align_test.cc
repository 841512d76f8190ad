#include "typetally/typing/align.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>
#include <vector>

#include "typing/byte_tokens.h"

namespace typetally {
namespace {

constexpr std::int64_t kSpecial = 256;
constexpr std::int64_t kPlain = 257;

// Every byte is a token, and so are a special one and one that says "<plain>".
Vocabulary byte_vocabulary() {
  std::vector<Token> tokens = testing::byte_tokens();
  tokens.push_back({"<end>", true});
  tokens.push_back({"<plain>"});
  return Vocabulary::from_tokens(tokens);
}

TypedText cat() {
  PayloadWriter writer(reference_keys());
  writer.begin_dict();
  writer.key("desc");
  writer.string("cat");
  writer.key("poly");
  writer.integer("12");
  writer.end_dict();
  return writer.take();
}

// One type per byte of {"desc": "cat", "poly": 12}: D, C, F.
constexpr std::string_view kCatTypes = "FFFFFFFFFDDDDDFFFFFFFFFFCCF";

TokenType of_letter(char letter) {
  return letter == 'D' ? TokenType::kDesc : letter == 'C' ? TokenType::kCoord : TokenType::kFormat;
}

struct Labelled {
  std::vector<std::int64_t> labels;
  std::vector<TokenType> types;

  void add(std::int64_t id, TokenType type) {
    labels.push_back(id);
    types.push_back(type);
  }
};

// The payload's first `bytes` bytes as labels, with holes.
Labelled with_holes(const std::string& text, std::size_t bytes) {
  Labelled sample;
  for (std::size_t i = 0; i < bytes; ++i) {
    if (*rc::gen::inRange(0, 4) == 0) sample.add(kIgnoreIndex, TokenType::kIgnore);
    const auto type = i < kCatTypes.size() ? of_letter(kCatTypes[i]) : TokenType::kFormat;
    sample.add(static_cast<unsigned char>(text[i]), type);
  }
  return sample;
}

TEST(AlignPayload, TypesAnyPrefixOverHoles) {
  const Vocabulary vocabulary = byte_vocabulary();
  EXPECT_TRUE(rc::check([&] {
    const std::string suffix = *rc::gen::element<std::string>("", "\n", "<end>\n");
    const std::string text = cat().text + suffix;
    const auto bytes = static_cast<std::size_t>(*rc::gen::inRange<int>(0, static_cast<int>(text.size()) + 1));
    Labelled sample = with_holes(text, bytes);
    if (bytes == text.size()) {
      for (int n = *rc::gen::inRange(0, kMaxTrailingSpecials + 1); n > 0; --n) sample.add(kSpecial, TokenType::kFormat);
    }
    std::vector<TokenType> types(sample.labels.size());
    RC_ASSERT(!align_payload(vocabulary, cat(), suffix, sample.labels, types).has_value());
    RC_ASSERT(types == sample.types);
  }));
}

TEST(AlignPayload, RefusesEveryOtherByteWhereItStands) {
  const Vocabulary vocabulary = byte_vocabulary();
  EXPECT_TRUE(rc::check([&] {
    const std::string text = cat().text;
    Labelled sample = with_holes(text, text.size());
    const auto at = static_cast<std::size_t>(*rc::gen::inRange<int>(0, static_cast<int>(sample.labels.size())));
    RC_PRE(sample.labels[at] >= 0);
    sample.labels[at] = (sample.labels[at] + *rc::gen::inRange(1, 256)) % 256;
    std::vector<TokenType> types(sample.labels.size());
    const auto reason = align_payload(vocabulary, cat(), "", sample.labels, types);
    RC_ASSERT(reason.has_value());
    RC_ASSERT(reason->code == ErrorCode::kMisaligned);
    RC_ASSERT(reason->offset == static_cast<std::int64_t>(at));
    RC_ASSERT(types == std::vector<TokenType>(types.size(), TokenType::kIgnore));
  }));
}

TEST(AlignPayload, AllowsTheSpaceThatATokenizerPrepends) {
  const std::vector<Token> tokens = {{" "}, {"["}, {" ["}, {"]"}};
  const auto aligned = [&](bool prepends, std::vector<std::int64_t> labels) {
    PayloadWriter writer(reference_keys());
    writer.begin_list();
    writer.end_list();
    std::vector<TokenType> types(labels.size());
    const auto vocabulary = Vocabulary::from_tokens(tokens, {}, {.normalization = "", .prepends_space = prepends});
    return !align_payload(vocabulary, writer.take(), "]", labels, types) && types.back() == TokenType::kFormat;
  };
  for (const auto& labels : {std::vector<std::int64_t>{2, 3, 3}, {0, 1, 3, 3}}) {
    EXPECT_TRUE(aligned(true, labels));
    EXPECT_FALSE(aligned(false, labels));
  }
  EXPECT_TRUE(aligned(true, {1, 3, 3}));
  EXPECT_FALSE(aligned(true, {0, 0, 1, 3, 3}));
}

TEST(AlignPayload, SaysWhatFollowsTooLong) {
  const Vocabulary vocabulary = byte_vocabulary();
  Labelled whole;
  for (const char c : cat().text) whole.add(static_cast<unsigned char>(c), TokenType::kFormat);
  const auto reason_for = [&](std::vector<std::int64_t> tail) {
    tail.insert(tail.begin(), whole.labels.begin(), whole.labels.end());
    std::vector<TokenType> types(tail.size());
    return align_payload(vocabulary, cat(), "", tail, types).value().detail;
  };
  EXPECT_EQ(reason_for({kPlain}), "the labels go on after the payload and its suffix (position 27)");
  EXPECT_EQ(reason_for(std::vector<std::int64_t>(9, kSpecial)), "more than 8 special tokens follow (position 35)");
  EXPECT_EQ(reason_for({kSpecial, 10}), "the labels go on after the payload and its suffix (position 28)");
  EXPECT_EQ(reason_for({999}), "the vocabulary has no token 999 (position 27)");
}

}  // namespace
}  // namespace typetally
