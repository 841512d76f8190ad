// The beginning of a vocabulary in which any text can be said.
#pragma once

#include <string>
#include <vector>

#include "typetally/text/vocabulary.h"

namespace typetally::testing {

/// A token for each byte: its value is the token's id.
inline std::vector<Token> byte_tokens() {
  std::vector<Token> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.push_back({std::string(1, static_cast<char>(byte))});
  return tokens;
}

}  // namespace typetally::testing
