#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "typetally/text/span.h"

namespace typetally {

/// Projects typed bytes onto tokens. Token i covers bytes [ends[i-1], ends[i]) of `text` (from 0 for the first).
/// Its type is the majority over the characters (UTF-8 code points) that its bytes touch; a tie goes to the lowest
/// type; a token without bytes is FORMAT. A character that two tokens share counts for both; its type is that of its
/// first byte. In bytes that are no UTF-8 a character is a byte and the continuation bytes (0x80 to 0xBF) after it.
/// `spans` tile `text`, `ends` rise and stay within it; `types` has one entry per token. Takes linear time.
void project(std::string_view text, std::span<const Span> spans, std::span<const std::int64_t> ends,
             std::span<TokenType> types);

}  // namespace typetally
