#include "text/grammar/prose.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "text/grammar/lexing.h"

namespace typetally::marking {
namespace {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t length = 1;
};

constexpr std::uint32_t kInvalid = 0xFFFFFFFF;

// Bytes that are no UTF-8 are one code point each, of value kInvalid.
CodePoint decode(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || at + length > text.size()) return {kInvalid, 1};
  std::uint32_t value = lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<unsigned char>(text[at + i]);
    if ((byte & 0xC0) != 0x80) return {kInvalid, 1};
    value = value << 6 | (byte & 0x3Fu);
  }
  return {value, length};
}

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};

bool lies_in(std::uint32_t value, const auto& ranges) {
  return std::ranges::any_of(ranges, [=](Range range) { return value >= range.first && value <= range.last; });
}

// Unicode White_Space above ASCII, and the byte order mark.
constexpr std::array kSpaces = {Range{0x85, 0x85},     Range{0xA0, 0xA0},     Range{0x1680, 0x1680},
                                Range{0x2000, 0x200A}, Range{0x2028, 0x2029}, Range{0x202F, 0x202F},
                                Range{0x205F, 0x205F}, Range{0x3000, 0x3000}, Range{0xFEFF, 0xFEFF}};

// What is neither letter, digit nor emoji: Latin-1's signs, general punctuation, arrows and mathematical signs, box
// drawing and geometric shapes, CJK and full-width punctuation, variation selectors.
constexpr std::array kSigns = {
    Range{0x80, 0xA9},     Range{0xAB, 0xB1},     Range{0xB4, 0xB4},     Range{0xB6, 0xB8},     Range{0xBB, 0xBB},
    Range{0xBF, 0xBF},     Range{0xD7, 0xD7},     Range{0xF7, 0xF7},     Range{0x2010, 0x206F}, Range{0x20A0, 0x20CF},
    Range{0x2190, 0x2319}, Range{0x231C, 0x23E8}, Range{0x23FB, 0x23FF}, Range{0x2500, 0x25FF}, Range{0x2900, 0x2B1A},
    Range{0x2B1D, 0x2B4F}, Range{0x2B51, 0x2B54}, Range{0x2B56, 0x2BFF}, Range{0x2E00, 0x2E7F}, Range{0x3001, 0x3004},
    Range{0x3008, 0x3020}, Range{0x3030, 0x3030}, Range{0x30FB, 0x30FB}, Range{0xFE00, 0xFE6F}, Range{0xFF01, 0xFF0F},
    Range{0xFF1A, 0xFF20}, Range{0xFF3B, 0xFF40}, Range{0xFF5B, 0xFF65}, Range{0xFFE0, 0xFFEF}};

bool is_unicode_space(std::uint32_t value) {
  return value < 0x80 ? is_space(static_cast<char>(value)) : lies_in(value, kSpaces);
}

bool says_something(CodePoint point) {
  if (point.value < 0x80) return is_letter(static_cast<char>(point.value)) || is_digit(static_cast<char>(point.value));
  return !lies_in(point.value, kSigns) && !lies_in(point.value, kSpaces);
}

bool is_trimmed(CodePoint point, std::string_view separators) {
  if (is_unicode_space(point.value)) return true;
  return point.value < 0x80 && separators.find(static_cast<char>(point.value)) != std::string_view::npos;
}

std::size_t trim_front(std::string_view text, std::size_t begin, std::string_view separators) {
  while (begin < text.size()) {
    const CodePoint point = decode(text, begin);
    if (!is_trimmed(point, separators)) break;
    begin += point.length;
  }
  return begin;
}

std::size_t trim_back(std::string_view text, std::size_t begin, std::string_view separators) {
  std::size_t end = text.size();
  while (end > begin) {
    std::size_t last = end - 1;
    while (last > begin && end - last < 4 && (static_cast<unsigned char>(text[last]) & 0xC0) == 0x80) --last;
    const CodePoint point = decode(text, last);
    if (last + point.length != end || !is_trimmed(point, separators)) break;
    end = last;
  }
  return end;
}

}  // namespace

bool says_something(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode(text, at);
    if (says_something(point)) return true;
    at += point.length;
  }
  return false;
}

bool says_something(const Text& text, std::size_t at) {
  return says_something(text.between(at, text.ends(at + 3) ? text.size() : at + 4));
}

void put_stretch(Scan& scan, std::size_t end, Stretch stretch, std::string_view separators) {
  if (stretch == Stretch::kAlone) return scan.put(end, TokenType::kDesc);
  const std::size_t offset = scan.at();
  if (offset >= end) return;
  const std::string_view text = scan.text().between(offset, end);
  const std::size_t begin = trim_front(text, 0, separators);
  const std::size_t last = trim_back(text, begin, separators);
  const bool is_desc = stretch == Stretch::kDescription || says_something(text.substr(begin, last - begin));
  scan.put(offset + begin, TokenType::kFormat);
  scan.put(offset + last, is_desc ? TokenType::kDesc : TokenType::kFormat);
  scan.put(end, TokenType::kFormat);
}

}  // namespace typetally::marking
