#include "text/utf8.h"

#include <algorithm>
#include <array>

namespace typetally {
namespace {

// The zero of each run of ten decimal digits; Unicode has no others.
constexpr std::array kZeros = std::to_array<char32_t>(
    {0x0030,  0x0660,  0x06F0,  0x07C0,  0x0966,  0x09E6,  0x0A66,  0x0AE6,  0x0B66,  0x0BE6,  0x0C66,  0x0CE6,
     0x0D66,  0x0DE6,  0x0E50,  0x0ED0,  0x0F20,  0x1040,  0x1090,  0x17E0,  0x1810,  0x1946,  0x19D0,  0x1A80,
     0x1A90,  0x1B50,  0x1BB0,  0x1C40,  0x1C50,  0xA620,  0xA8D0,  0xA900,  0xA9D0,  0xA9F0,  0xAA50,  0xABF0,
     0xFF10,  0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0,
     0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x11F50, 0x16A60, 0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8,
     0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E4F0, 0x1E950, 0x1FBF0});

unsigned byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

// The bytes of the code point at `i`, 0 where it is malformed: overlong, a surrogate, beyond U+10FFFF, or cut.
std::size_t valid_length(std::string_view text, std::size_t i) {
  const unsigned lead = byte_at(text, i);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || i + length > text.size()) return 0;
  const unsigned second = byte_at(text, i + 1);
  const unsigned lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (second < lowest || second > highest) return 0;
  for (std::size_t k = 2; k < length; ++k) {
    if ((byte_at(text, i + k) & 0xC0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

std::size_t valid_utf8_prefix(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const std::size_t length = valid_length(text, i);
    if (length == 0) break;
    i += length;
  }
  return i;
}

char32_t decode_utf8(std::string_view text, std::size_t& length) {
  const unsigned lead = byte_at(text, 0);
  length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  constexpr std::array kLeadBits = {0U, 0x7FU, 0x1FU, 0x0FU, 0x07U};
  char32_t code = lead & kLeadBits[length];
  for (std::size_t k = 1; k < length; ++k) code = code << 6 | (byte_at(text, k) & 0x3F);
  return code;
}

bool is_decimal_digit(char32_t code) {
  const auto after = std::upper_bound(kZeros.begin(), kZeros.end(), code);
  return after != kZeros.begin() && code - *(after - 1) < 10;
}

}  // namespace typetally
