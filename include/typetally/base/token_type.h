#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace typetally {

/// What a supervised token teaches. The values are those of `token_types` tensors (int8).
enum class TokenType : std::int8_t { kIgnore = -1, kDesc = 1, kCoord = 2, kFormat = 3 };

/// The types that are reported, in the order of their keys and of tie-breaking (lowest first).
inline constexpr std::array kTokenTypes = {TokenType::kDesc, TokenType::kCoord, TokenType::kFormat};

/// "desc", "coord", "format", or "ignore".
constexpr std::string_view name(TokenType type) {
  switch (type) {
    case TokenType::kDesc:
      return "desc";
    case TokenType::kCoord:
      return "coord";
    case TokenType::kFormat:
      return "format";
    case TokenType::kIgnore:
      break;
  }
  return "ignore";
}

/// A label that is not supervised. Another negative label is an unknown id to the typer, and no target to the tally.
inline constexpr std::int64_t kIgnoreIndex = -100;

}  // namespace typetally
