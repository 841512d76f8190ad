#pragma once

#include <cstddef>
#include <string_view>

#include "text/grammar/lexing.h"

namespace typetally::marking {

/// Where a string of JSON-like text ends.
struct StringEnd {
  std::size_t end = 0;          ///< past the closing quote; the text's size where there is none
  std::size_t content_end = 0;  ///< of the closing quote; the text's size where there is none
  std::size_t lost_key = 0;     ///< a later quote that opened a key: this string's own closing quote is missing
  bool names = false;           ///< a colon follows: the string (or the lost key) is a key
};

/// The end of the key that begins at `quote`: the first quote of its kind.
StringEnd key_end(const Text& text, std::size_t quote);

/// The end of the value that begins at `quote`. Answers hold quotes that should have been escaped, so a quote closes
/// only before what may follow a value: a closing bracket, a comma before the next key or element, a colon, a line
/// end, a fence, a special token, a comment, the next key without its comma, or the text's end. In valid JSON every
/// closing quote stands so.
StringEnd value_end(const Text& text, std::size_t quote, bool in_dict);

}  // namespace typetally::marking
