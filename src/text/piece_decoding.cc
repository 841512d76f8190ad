#include "text/piece_decoding.h"

#include <array>
#include <charconv>
#include <cstdint>

namespace typetally {
namespace {

// GPT-2's alphabet writes the bytes of "!" to "~", U+00A1 to U+00AC and U+00AE to U+00FF as themselves, and the other
// 68, in order, as U+0100 and up.
constexpr std::size_t kAlphabetEnd = 256 + 68;

constexpr bool writes_itself(std::size_t byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr std::array<std::int16_t, kAlphabetEnd> make_alphabet() {
  std::array<std::int16_t, kAlphabetEnd> bytes{};
  bytes.fill(-1);
  std::size_t next = 256;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    bytes[writes_itself(byte) ? byte : next++] = static_cast<std::int16_t>(byte);
  }
  return bytes;
}

constexpr std::array<std::int16_t, kAlphabetEnd> kByteOf = make_alphabet();

// All of the alphabet lies below U+0800, so longer characters end the attempt.
bool append_byte_level(std::string_view piece, std::string& bytes) {
  const std::size_t start = bytes.size();
  for (std::size_t i = 0; i < piece.size(); ++i) {
    std::size_t code = static_cast<unsigned char>(piece[i]);
    if (code >= 0xC0 && code < 0xE0 && i + 1 < piece.size()) {
      code = (code & 0x1F) << 6 | (static_cast<unsigned char>(piece[++i]) & 0x3F);
    } else if (code >= 0x80) {
      code = kAlphabetEnd;
    }
    if (code >= kAlphabetEnd || kByteOf[code] < 0) {
      bytes.resize(start);
      return false;
    }
    bytes.push_back(static_cast<char>(kByteOf[code]));
  }
  return true;
}

bool append_fallback_byte(std::string_view piece, std::string& bytes) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || !piece.ends_with('>')) return false;
  unsigned value = 0;
  const char* end = piece.data() + 5;
  const auto parsed = std::from_chars(piece.data() + 3, end, value, 16);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return false;
  bytes.push_back(static_cast<char>(value));
  return true;
}

void replace_from(std::string& text, std::size_t at, const std::string& what, const std::string& with) {
  while ((at = text.find(what, at)) != std::string::npos) {
    text.replace(at, what.size(), with);
    at += with.size();
  }
}

}  // namespace

void append_piece(const PieceDecoding& decoding, std::string_view piece, std::string& bytes) {
  if (decoding.byte_level && append_byte_level(piece, bytes)) return;
  if (decoding.byte_fallback && append_fallback_byte(piece, bytes)) return;
  const std::size_t start = bytes.size();
  bytes += piece;
  for (const auto& [what, with] : decoding.replacements) replace_from(bytes, start, what, with);
}

}  // namespace typetally
