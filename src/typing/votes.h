#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "typetally/base/token_type.h"

namespace typetally {

/// Whether a byte continues a UTF-8 character.
constexpr bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

/// How many characters of each type a token touches.
class Votes {
 public:
  void add(TokenType type) { ++counts_[static_cast<std::size_t>(type)]; }

  /// A tie goes to the lowest type, no votes at all to FORMAT.
  TokenType winner() const {
    TokenType best = TokenType::kFormat;
    std::int64_t most = 0;
    for (const TokenType type : kTokenTypes) {
      const std::int64_t count = counts_[static_cast<std::size_t>(type)];
      if (count > most) {
        best = type;
        most = count;
      }
    }
    return best;
  }

 private:
  std::array<std::int64_t, 4> counts_{};
};

}  // namespace typetally
