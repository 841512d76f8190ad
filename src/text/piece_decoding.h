#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace typetally {

/// How a tokenizer writes bytes in its tokens.
struct PieceDecoding {
  /// Each character stands for one byte (GPT-2's alphabet); a token with any other character is its own text.
  bool byte_level = false;
  /// `<0xNN>` is one byte.
  bool byte_fallback = false;
  /// Replaced throughout a token, in this order: U+2581 by a space.
  std::vector<std::pair<std::string, std::string>> replacements;
};

/// Appends the bytes that a token as written stands for.
void append_piece(const PieceDecoding& decoding, std::string_view piece, std::string& bytes);

}  // namespace typetally
