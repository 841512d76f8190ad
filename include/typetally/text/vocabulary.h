#pragma once

#include <cstdint>
#include <filesystem>
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

/// Token ids to bytes. Immutable, so that threads and forked workers share it.
class Vocabulary {
 public:
  /// Reads the JSON of Hugging Face's `tokenizers`: byte-level BPE, and SentencePiece-style BPE with U+2581 for spaces
  /// and `<0xNN>` byte fallback; added and special tokens. `subject` names the text in errors.
  static Result<Vocabulary> from_tokenizer_json(std::string_view json, std::string subject = "tokenizer.json");

  /// Reads tiktoken's rank lines ("base64 rank"); `special` are added, and marked special.
  static Result<Vocabulary> from_tiktoken(std::string_view ranks, std::span<const SpecialToken> special = {},
                                          std::string subject = "ranks.tiktoken");

  /// Reads a `.json` or `.tiktoken` file. Special tokens are for rank files alone.
  static Result<Vocabulary> from_file(const std::filesystem::path& path, std::span<const SpecialToken> special = {});

  /// Tokens by id; an id without a token has an entry without bytes and `known[id]` false (empty: all are known).
  static Vocabulary from_tokens(std::span<const Token> tokens, std::span<const bool> known = {});

  std::int64_t size() const;                      ///< one past the largest id
  bool contains(std::int64_t id) const;           ///< ids may have holes
  std::string_view bytes(std::int64_t id) const;  ///< empty where contains(id) is false
  bool is_special(std::int64_t id) const;

  /// The bytes of `ids`, special tokens included, concatenated; Error::offset is the position of an unknown id.
  Result<std::string> decode(std::span<const std::int64_t> ids) const;

  /// The Unicode form that the tokenizer gives its input: "NFC", "NFD", "NFKC", "NFKD", or "" for none.
  std::string_view normalization() const;
};

}  // namespace typetally
