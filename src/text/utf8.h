#pragma once

#include <cstddef>
#include <string_view>

namespace typetally {

/// The bytes of `text` before its first byte that is no UTF-8 (Unicode 15, table 3-7); text.size() where all is.
std::size_t valid_utf8_prefix(std::string_view text);

/// The code point at the start of a valid UTF-8 text that is not empty; `length` is set to its bytes.
char32_t decode_utf8(std::string_view text, std::size_t& length);

/// Is it a decimal digit (general category Nd, Unicode 15), as Python's `\d` understands digits?
bool is_decimal_digit(char32_t code);

}  // namespace typetally
