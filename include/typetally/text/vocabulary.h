#pragma once

#include <cstdint>
#include <filesystem>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "typetally/base/result.h"

namespace typetally {

/// One token: what it decodes to, and whether the tokenizer calls it special.
struct Token {
  std::string bytes;
  bool special = false;
};

/// A token that a rank file does not hold, by its id.
struct SpecialToken {
  std::string text;
  std::int64_t id;
};

/// What a tokenizer does to text before it splits it.
struct InputRules {
  std::string normalization;    ///< a Unicode form, "NFC", "NFD", "NFKC" or "NFKD"; empty: none
  bool prepends_space = false;  ///< it may put a space before a text, as SentencePiece does
};

/// Token ids to bytes. Immutable, so that threads and forked workers share it.
///
/// Bytes are what the tokenizer decodes an id to, before it replaces invalid UTF-8 and before it strips anything at the
/// start of a text: in a byte-level vocabulary a token that holds a character outside the byte alphabet is its own text
/// (DeepSeek's `<U+FF5C...U+FF5C>`), and U+2581 is a space in SentencePiece-style ones, added tokens included (Gemma).
class Vocabulary {
 public:
  /// Ids are below this, so that a foreign file cannot ask for any amount of memory.
  static constexpr std::int64_t kMaxSize = std::int64_t{1} << 24;

  /// Reads the JSON of Hugging Face's `tokenizers`: byte-level BPE, and SentencePiece-style BPE and Unigram with U+2581
  /// for spaces and `<0xNN>` byte fallback; added and special tokens. `subject` names the text in errors, whose offset
  /// is the byte where reading stopped.
  static Result<Vocabulary> from_tokenizer_json(std::string_view json, std::string subject = "tokenizer.json");

  /// Reads tiktoken's rank lines ("base64 rank"); `special` are added, and marked special.
  static Result<Vocabulary> from_tiktoken(std::string_view ranks, std::span<const SpecialToken> special = {},
                                          std::string subject = "ranks.tiktoken");

  /// Reads a `.json` or `.tiktoken` file, or the `tokenizer.json` of a folder. Throws std::invalid_argument where
  /// `special` is given for anything but a rank file.
  static Result<Vocabulary> from_file(const std::filesystem::path& path, std::span<const SpecialToken> special = {});

  /// Tokens by id; an id without a token has an entry without bytes and `known[id]` false (empty: all are known).
  static Vocabulary from_tokens(std::span<const Token> tokens, std::span<const bool> known = {}, InputRules rules = {});

  std::int64_t size() const { return std::ssize(flags_); }  ///< one past the largest id
  bool contains(std::int64_t id) const { return in_range(id) && (flags_[index(id)] & kKnown) != 0; }
  bool is_special(std::int64_t id) const { return in_range(id) && (flags_[index(id)] & kSpecial) != 0; }

  /// Empty where contains(id) is false.
  std::string_view bytes(std::int64_t id) const {
    if (!in_range(id)) return {};
    const std::size_t i = index(id);
    return std::string_view(pool_).substr(begins_[i], begins_[i + 1] - begins_[i]);
  }

  /// The bytes of `ids`, special tokens included, concatenated; Error::offset is the position of an unknown id.
  Result<std::string> decode(std::span<const std::int64_t> ids) const;

  const InputRules& input_rules() const { return rules_; }

 private:
  friend class VocabularyBuilder;
  static constexpr std::uint8_t kKnown = 1;
  static constexpr std::uint8_t kSpecial = 2;

  Vocabulary() = default;
  static std::size_t index(std::int64_t id) { return static_cast<std::size_t>(id); }
  bool in_range(std::int64_t id) const { return id >= 0 && id < size(); }

  std::string pool_;                      // all tokens' bytes, in the order of their ids
  std::vector<std::uint32_t> begins_{0};  // token id is pool_[begins_[id], begins_[id + 1])
  std::vector<std::uint8_t> flags_;
  InputRules rules_;
};

/// The error for a label that the vocabulary lacks: it names the id, and the position, which is its offset too.
Error unknown_token(std::int64_t id, std::int64_t position);

}  // namespace typetally
