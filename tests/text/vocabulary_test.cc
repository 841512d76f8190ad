#include "typetally/text/vocabulary.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace typetally {
namespace {

Vocabulary read(const std::string& json) {
  auto result = Vocabulary::from_tokenizer_json(json, "t.json");
  if (!result) throw std::runtime_error(to_string(result.error()));
  return std::move(result).value();
}

std::string refusal(const std::string& json) {
  const auto result = Vocabulary::from_tokenizer_json(json, "t.json");
  return result ? "read" : to_string(result.error());
}

TEST(TokenizerJson, ByteLevelKeepsWhatIsOutsideTheAlphabet) {
  const Vocabulary vocabulary = read(R"({
    "added_tokens": [{"id": 3, "content": "<｜x｜>", "special": true}, {"id": 6, "content": "ø", "special": false}],
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}]},
    "decoder": {"type": "Sequence", "decoders": [{"type": "ByteLevel"}]},
    "model": {"type": "BPE", "vocab": {"Ġa": 0, "çĮ«": 1, "Ā": 2, "a b": 4}, "merges": []}})");
  EXPECT_EQ(vocabulary.size(), 7);
  EXPECT_EQ(vocabulary.bytes(0), " a");
  EXPECT_EQ(vocabulary.bytes(1), "猫");
  EXPECT_EQ(vocabulary.bytes(2), std::string(1, '\0'));
  EXPECT_EQ(vocabulary.bytes(3), "<｜x｜>");
  EXPECT_EQ(vocabulary.bytes(4), "a b");
  EXPECT_FALSE(vocabulary.contains(5));
  EXPECT_EQ(vocabulary.bytes(6), "\xF8");
  EXPECT_TRUE(vocabulary.is_special(3) && !vocabulary.is_special(6) && !vocabulary.is_special(99));
  EXPECT_EQ(vocabulary.input_rules().normalization, "NFC");
  EXPECT_FALSE(vocabulary.input_rules().prepends_space);
  EXPECT_EQ(vocabulary.decode(std::vector<std::int64_t>{0, 1}).value(), " a猫");
  EXPECT_EQ(vocabulary.decode(std::vector<std::int64_t>{0, 5}).error(), unknown_token(5, 1));
}

// The model may come before the decoder that says how its tokens are written.
TEST(TokenizerJson, SentencePieceStyle) {
  const Vocabulary vocabulary = read(R"({
    "model": {"type": "BPE", "byte_fallback": true, "vocab": {"▁a▁": 0, "<0xE7>": 1, "<0xZZ>": 2}},
    "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
      {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
    "added_tokens": [{"id": 3, "content": "▁▁▁", "special": false}, {"id": 0, "content": "<s>", "special": true}]})");
  EXPECT_EQ(vocabulary.bytes(0), "<s>");
  EXPECT_EQ(vocabulary.bytes(1), "\xE7");
  EXPECT_EQ(vocabulary.bytes(2), "<0xZZ>");
  EXPECT_EQ(vocabulary.bytes(3), "   ");
}

TEST(TokenizerJson, UnigramPieces) {
  const Vocabulary vocabulary = read(R"({"decoder": {"type": "Metaspace", "replacement": "▁", "split": true},
    "model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["▁cat", -3.5]]}})");
  EXPECT_EQ(vocabulary.bytes(1), " cat");
}

TEST(TokenizerJson, TellsWhoPrependsASpace) {
  const auto prepends = [](const std::string& step) {
    return read(R"({"model": {"type": "BPE", "vocab": {"a": 0}}, )" + step + "}").input_rules().prepends_space;
  };
  EXPECT_TRUE(prepends(R"("normalizer": {"type": "Prepend", "prepend": "▁"})"));
  EXPECT_TRUE(prepends(R"("pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "first"})"));
  EXPECT_FALSE(prepends(R"("pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "never"})"));
  EXPECT_TRUE(prepends(R"("pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": true})"));
  EXPECT_FALSE(prepends(R"("pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false})"));
}

TEST(TokenizerJson, ErrorsNameByteAndReason) {
  const std::vector<std::pair<std::string, std::string>> refusals = {
      {R"({"model": {"vocab": {"a": 0, "b": 0}}})", "t.json: byte 29: the token id 0 is taken already"},
      {R"({"model": {"vocab": {"a": -1}}})", "t.json: byte 21: the token id -1 is out of range"},
      {R"({"model": {"vocab": {"a": 99999999}}})", "t.json: byte 21: the token id 99999999 is out of range"},
      {R"({"model": {"type": "WordPiece", "vocab": {"a": 0}}})",
       "t.json: the model is WordPiece; BPE and Unigram are supported"},
      {R"({"model": {"type": "BPE", "vocab": {"a": 0}}, "decoder": {"type": "CTC"}})",
       "t.json: the decoder CTC is not supported"},
      {R"({"weights": 1})", "t.json: byte 14: there is no model: this is not a tokenizer.json"},
      {R"({"model": {"type": "BPE"}})", "t.json: byte 26: the model has no vocab"},
      {R"({"model": {"vocab": {"a": 0}}, "added_tokens": [{"id": 4}]})",
       "t.json: byte 48: an added token needs an id and a content"}};
  for (const auto& [json, expected] : refusals) EXPECT_EQ(refusal(json), expected);
  EXPECT_TRUE(refusal(R"({"model": {"vocab": {"a": "x"}}})").starts_with("t.json: byte 26: "));
  EXPECT_TRUE(refusal("{\"model\": \"\xFF\"}").starts_with("t.json: byte 11: "));
  EXPECT_TRUE(refusal("").starts_with("t.json: byte 0: "));
  EXPECT_TRUE(refusal("[1]").starts_with("t.json: byte "));
}

TEST(TokenizerJson, EveryTruncationIsRefused) {
  const std::string whole = R"({"added_tokens": [{"id": 1, "content": "<s>", "special": true}],
    "model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "b"]]}})";
  ASSERT_EQ(refusal(whole), "read");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_TRUE(refusal(whole.substr(0, size)).starts_with("t.json: byte " + std::to_string(size) + ":")) << size;
  }
  EXPECT_TRUE(refusal(whole + "}").starts_with("t.json: byte "));
}

TEST(Tiktoken, RanksAndSpecials) {
  const std::vector<SpecialToken> special = {{"<|end|>", 7}};
  const auto vocabulary = Vocabulary::from_tiktoken("IQ== 0\r\n/+4= 1\n\n= 3\n", special).value();
  EXPECT_EQ(vocabulary.bytes(0), "!");
  EXPECT_EQ(vocabulary.bytes(1), "\xFF\xEE");
  EXPECT_TRUE(vocabulary.contains(3) && !vocabulary.contains(2));
  EXPECT_TRUE(vocabulary.is_special(7));
  EXPECT_EQ(vocabulary.bytes(7), "<|end|>");
}

TEST(Tiktoken, ErrorsNameByteAndReason) {
  const std::vector<std::pair<std::string, std::string>> refusals = {
      {"IQ== 0\nIg= 1\n", "r: byte 7: the token is not base64"},
      {"IQ== 0\nIg==\n", "r: byte 7: expected \"base64 rank\""},
      {"IQ== 0\nIg== x\n", "r: byte 12: the rank is not a number"},
      {"IQ== 0\nIg== 0\n", "r: byte 7: the token id 0 is taken already"},
      {"\n", "r: byte 1: there is no rank line"},
      {"{\"model\": 1}", "r: byte 0: the token is not base64"}};
  for (const auto& [ranks, expected] : refusals) {
    EXPECT_EQ(to_string(Vocabulary::from_tiktoken(ranks, {}, "r").error()), expected);
  }
}

TEST(VocabularyFile, ErrorsNameTheFile) {
  EXPECT_EQ(to_string(Vocabulary::from_file("missing/tokenizer.json").error()),
            "missing/tokenizer.json: cannot be opened: No such file or directory");
  EXPECT_EQ(Vocabulary::from_file("weights.safetensors").error().code, ErrorCode::kUnsupported);
  const std::vector<SpecialToken> special = {{"<|end|>", 7}};
  EXPECT_THROW((void)Vocabulary::from_file("tokenizer.json", special), std::invalid_argument);
}

}  // namespace
}  // namespace typetally
