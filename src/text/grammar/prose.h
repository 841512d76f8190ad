#pragma once

#include <cstddef>
#include <string_view>

#include "text/grammar/scan.h"

namespace typetally::marking {

/// What a stretch of running text is.
enum class Stretch : std::uint8_t {
  kProse,        ///< DESC if it holds a letter, digit or emoji
  kDescription,  ///< DESC whatever it holds
  kAlone,        ///< the whole of a text: DESC, nothing trimmed
};

/// Types the stretch from scan.at() to `end`: outer spaces (and `separators`) are FORMAT.
void put_stretch(Scan& scan, std::size_t end, Stretch stretch, std::string_view separators);

/// Whether a text holds a letter, digit or emoji. Bytes that are no UTF-8 count as such.
bool says_something(std::string_view text);

/// The same of the byte at `at` and the three after it, which hold a character of any length.
bool says_something(const Text& text, std::size_t at);

}  // namespace typetally::marking
